// Field numbers are those of sentencepiece_model.proto.

#include "text/sentencepiece/model.h"

#include <cmath>

#include "base/strings.h"
#include "format/protobuf_wire.h"

namespace coppice {
namespace {

constexpr const char* model_file = "a SentencePiece model";
constexpr size_t max_piece_bytes = 4096;

void expect(bool right, const WireReader& reader, const std::string& found) {
  if (!right) reader.fail(found);
}

bool read_flag(const WireField& field, const WireReader& reader) {
  expect(field.type == 0, reader, "an option that is neither true nor false");
  return field.value != 0;
}

std::string read_text(const WireField& field, const WireReader& reader) {
  expect(field.type == 2 && is_utf8(field.bytes), reader, "a name that is not UTF-8");
  return std::string(field.bytes);
}

// SentencePiece: 1 piece, 2 score, 3 type
ScoredPiece read_piece(std::string_view message, const std::string& where) {
  WireReader reader(message, where, model_file);
  ScoredPiece piece;
  while (const auto field = reader.next()) {
    if (field->number == 1) {
      expect(field->type == 2, reader, "a piece that is no text");
      piece.text = field->bytes;
    } else if (field->number == 2) {
      expect(field->type == 5, reader, "a score that is no number");
      piece.score = field->as_float();
    } else if (field->number == 3) {
      expect(field->type == 0 && field->value >= 1 && field->value <= 6, reader,
             "a piece of an unknown type");
      piece.kind = static_cast<PieceKind>(field->value);
    }
  }
  return piece;
}

// NormalizerSpec: 2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces, 5
// escape_whitespaces
void read_normalization(std::string_view message, SentencePieceNormalization& spec,
                        const std::string& where) {
  WireReader reader(message, where, model_file);
  while (const auto field = reader.next()) {
    if (field->number == 2) {
      expect(field->type == 2, reader, "a normalization table that is no bytes");
      spec.charsmap = field->bytes;
    } else if (field->number == 3) {
      spec.add_dummy_prefix = read_flag(*field, reader);
    } else if (field->number == 4) {
      spec.remove_extra_whitespaces = read_flag(*field, reader);
    } else if (field->number == 5) {
      spec.escape_whitespaces = read_flag(*field, reader);
    }
  }
}

// TrainerSpec: 3 model_type, 24 treat_whitespace_as_suffix, 35 byte_fallback, 44 unk_surface, 46 bos_piece,
// 47 eos_piece
void read_training(std::string_view message, SentencePieceModel& model, const std::string& where) {
  WireReader reader(message, where, model_file);
  while (const auto field = reader.next()) {
    if (field->number == 3) {
      expect(field->type == 0 && field->value >= 1 && field->value <= 4, reader, "an unknown model type");
      model.kind = static_cast<SentencePieceKind>(field->value);
    } else if (field->number == 24) {
      model.whitespace_as_suffix = read_flag(*field, reader);
    } else if (field->number == 35) {
      model.byte_fallback = read_flag(*field, reader);
    } else if (field->number == 44) {
      model.unknown_surface = read_text(*field, reader);
    } else if (field->number == 46) {
      model.bos = read_text(*field, reader);
    } else if (field->number == 47) {
      model.eos = read_text(*field, reader);
    }
  }
}

bool is_byte_spelling(std::string_view text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>') &&
         text.substr(3, 2).find_first_not_of("0123456789ABCDEF") == text.npos;
}

void check_piece(const ScoredPiece& piece, const WireReader& reader) {
  expect(!piece.text.empty(), reader, "an empty piece");
  expect(piece.text.size() <= max_piece_bytes, reader, "a piece of more than 4096 bytes");
  expect(is_utf8(piece.text), reader, "a piece that is not UTF-8");
  expect(piece.text.find('\0') == std::string::npos, reader, "a piece with a NUL");
  expect(std::isfinite(piece.score), reader, "a score that is not finite");
}

}  // namespace

void check_pieces(SentencePieceModel& model, const std::string& where) {
  const WireReader reader("", where, model_file);
  expect(!model.pieces.empty(), reader, "no pieces");
  int bytes = 0;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const ScoredPiece& piece = model.pieces[id];
    check_piece(piece, reader);
    if (piece.kind == PieceKind::unknown) {
      expect(model.unknown < 0, reader, "two unknown pieces");
      model.unknown = static_cast<TokenId>(id);
    } else if (piece.kind == PieceKind::byte) {
      expect(is_byte_spelling(piece.text), reader, fmt::format("a byte piece '{}'", piece.text));
      ++bytes;
    }
  }
  expect(model.unknown >= 0, reader, "no unknown piece");
  // As pieces are distinct, 256 byte pieces are all bytes.
  expect(bytes == (model.byte_fallback ? 256 : 0), reader,
         fmt::format("{} byte pieces, {} byte fallback", bytes, model.byte_fallback ? "with" : "without"));
}

// ModelProto: 1 pieces, 2 trainer_spec, 3 normalizer_spec, 5 denormalizer_spec
SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  WireReader reader(bytes, where, model_file);
  while (const auto field = reader.next()) {
    if (field->number > 5) continue;
    expect(field->type == 2, reader, "a part that is no message");
    if (field->number == 1) {
      model.pieces.push_back(read_piece(field->bytes, where));
      expect(static_cast<int64_t>(model.pieces.size()) <= max_vocabulary, reader, "too many pieces");
    } else if (field->number == 2) {
      read_training(field->bytes, model, where);
    } else if (field->number == 3) {
      read_normalization(field->bytes, model.normalization, where);
    } else if (field->number == 5) {
      if (!model.denormalization) model.denormalization.emplace();
      read_normalization(field->bytes, *model.denormalization, where);
    }
  }
  check_pieces(model, where);
  return model;
}

}  // namespace coppice
