#pragma once
// Looks for zeros in matrices of plain numbers. What pruners write (Wanda and SparseGPT with two of four, SRigL's constant
// fan-in, ...) are dense matrices with zeros, so that this is what makes them fast.

#include "model/packed_matrix.h"

namespace coppice {

// The panels for plain numbers, of which `plain` holds all, that make products fastest: without zeros if the matrix has them
// where such panels need them, or enough of them.
PanelShape fastest_panels(kernels::PackedType plain, const StoredRows& source);

// Whether these are plain numbers, none of which is infinite or NaN: those times an activation of 0 are not 0.
bool are_finite_numbers(const StoredRows& source);

}  // namespace coppice
