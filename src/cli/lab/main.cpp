// coppice-lab: the executable of the verbs that need libtorch. `coppice` starts it.

#include "cli/compare_options.h"
#include "cli/convert_options.h"
#include "cli/lab/wait_policy.h"
#include "cli/parity_options.h"
#include "cli/train_options.h"
#include "cli/world_options.h"

int main(int argc, char** argv) {
  using namespace coppice;
  use_passive_waiting(argv);
  return run_command_line(argc, argv,
                          {
                              make_verb<TrainOptions>(train_verb, run_train),
                              make_verb<WorldTextOptions>(world_verb, run_world),
                              make_verb<ConvertOptions>(convert_verb, run_convert),
                              make_verb<CompareOptions>(compare_verb, run_compare),
                              make_verb<ParityOptions>(parity_verb, run_parity),
                          });
}
