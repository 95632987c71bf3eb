# One translation unit per instruction set; everything else is compiled for the baseline. The files named isa_*.cpp
# include the same bodies and must not use std:: templates, whose instances the linker could share with other files.
# Contraction is off so that a multiply-add is fused where the bodies say so and nowhere else. Functions that pass wide
# vectors are all inlined: how they would be passed does not matter.
set(COPPICE_ISA_FLAGS "-O3;-ffp-contract=off;-fno-math-errno;-Wno-psabi")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 warns of its own AVX-512 header.
  list(APPEND COPPICE_ISA_FLAGS -Wno-uninitialized)
endif()
set_source_files_properties(kernels/isa_baseline.cpp kernels/isa_vectors_baseline.cpp kernels/isa_postings_baseline.cpp
                            kernels/isa_attention_baseline.cpp kernels/isa_packed_baseline.cpp
                            PROPERTIES COMPILE_OPTIONS "${COPPICE_ISA_FLAGS}")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(kernels/isa_avx2.cpp kernels/isa_vectors_avx2.cpp kernels/isa_postings_avx2.cpp
                              kernels/isa_attention_avx2.cpp PROPERTIES
    COMPILE_OPTIONS "${COPPICE_ISA_FLAGS};-mavx2;-mfma")
  set_source_files_properties(kernels/isa_packed_avx2.cpp PROPERTIES
    COMPILE_OPTIONS "${COPPICE_ISA_FLAGS};-mavx2;-mfma;-mf16c")
  set(COPPICE_AVX512_FLAGS
    "${COPPICE_ISA_FLAGS};-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma;-mprefer-vector-width=512")
  set_source_files_properties(kernels/isa_avx512.cpp kernels/isa_vectors_avx512.cpp kernels/isa_postings_avx512.cpp
                              kernels/isa_attention_avx512.cpp kernels/isa_packed_avx512.cpp PROPERTIES
    COMPILE_OPTIONS "${COPPICE_AVX512_FLAGS}")
  set_source_files_properties(kernels/isa_vectors_avx512_vnni.cpp kernels/isa_packed_avx512_vnni.cpp PROPERTIES
    COMPILE_OPTIONS "${COPPICE_AVX512_FLAGS};-mavx512vnni")
  set_source_files_properties(kernels/isa_packed_avx512_bf16.cpp PROPERTIES
    COMPILE_OPTIONS "${COPPICE_AVX512_FLAGS};-mavx512vnni;-mavx512bf16")
  set_source_files_properties(kernels/isa_attention_avx512_bf16.cpp PROPERTIES
    COMPILE_OPTIONS "${COPPICE_AVX512_FLAGS};-mavx512bf16")
endif()
