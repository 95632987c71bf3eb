#include "lab/world/domain.h"

namespace coppice::lab {

const Registry<Domain>& domains() {
  static const Registry<Domain> all(
      "domain",
      {
          {"stories", {"short stories with goals, obstacles and talk, in a child's English", tell_story}},
          {"records", {"fact sheets and tables about entities", tell_record}},
          {"arithmetic", {"equations and word problems with their answers", tell_arithmetic}},
          {"code", {"programs of a tiny language with their output", tell_code}},
          {"laws", {"numbered articles with definitions and references", tell_law}},
          {"dialogue", {"questions about the world's facts, answered", tell_dialogue}},
      });
  return all;
}

}  // namespace coppice::lab
