// coppice: the torch-free executable.

#include "cli/bench_options.h"
#include "cli/compare_options.h"
#include "cli/convert_options.h"
#include "cli/doctor_options.h"
#include "cli/embed_options.h"
#include "cli/eval_options.h"
#include "cli/export_options.h"
#include "cli/fuse_options.h"
#include "cli/index_check_options.h"
#include "cli/index_exchange_options.h"
#include "cli/index_options.h"
#include "cli/info_options.h"
#include "cli/measure_options.h"
#include "cli/measure_overlap_options.h"
#include "cli/measure_passages_options.h"
#include "cli/parity_options.h"
#include "cli/pull_options.h"
#include "cli/quantize_options.h"
#include "cli/run_options.h"
#include "cli/search_options.h"
#include "cli/tokenize_options.h"
#include "cli/train_options.h"
#include "cli/train_tokenizer_options.h"
#include "cli/world_options.h"

int main(int argc, char** argv) {
  using namespace coppice;
  return run_command_line(argc, argv,
                          {
                              make_verb<DoctorOptions>(doctor_verb, run_doctor),
                              make_verb<PullOptions>(pull_verb, run_pull),
                              make_verb<InfoOptions>(info_verb, run_info),
                              make_verb<RunOptions>(run_verb, run_run),
                              make_verb<EvalOptions>(eval_verb, run_eval),
                              make_verb<MeasureOptions>(measure_verb, run_measure),
                              make_verb<MeasureAnswersOptions>(measure_answers_verb, run_measure_answers),
                              make_verb<MeasureBudgetOptions>(measure_budget_verb, run_measure_budget),
                              make_verb<MeasureOverlapOptions>(measure_overlap_verb, run_measure_overlap),
                              make_verb<EmbedOptions>(embed_verb, run_embed),
                              make_verb<IndexOptions>(index_verb, run_index),
                              make_verb<IndexAddOptions>(index_add_verb, run_index_add),
                              make_verb<IndexDeleteOptions>(index_delete_verb, run_index_delete),
                              make_verb<IndexImportOptions>(index_import_verb, run_index_import),
                              make_verb<IndexExportOptions>(index_export_verb, run_index_export),
                              make_verb<IndexPathOptions>(index_merge_verb, run_index_merge),
                              make_verb<IndexCheckOptions>(index_check_verb, run_index_check),
                              make_verb<IndexPathOptions>(index_verify_verb, run_index_verify),
                              make_verb<IndexPathOptions>(index_info_verb, run_index_info),
                              make_verb<SearchOptions>(search_verb, run_search),
                              make_verb<FuseOptions>(fuse_verb, run_fuse),
                              make_verb<TokenizeOptions>(tokenize_verb, run_tokenize),
                              make_verb<ExportOptions>(export_verb, run_export),
                              make_verb<BenchOptions>(bench_verb, run_bench),
                              make_verb<QuantizeOptions>(quantize_verb, run_quantize),
                              delegate_to_lab<TrainOptions>(train_verb, argv),
                              delegate_to_lab<WorldTextOptions>(world_verb, argv),
                              make_verb<TrainTokenizerOptions>(train_tokenizer_verb, run_train_tokenizer),
                              delegate_to_lab<ConvertOptions>(convert_verb, argv),
                              delegate_to_lab<CompareOptions>(compare_verb, argv),
                              delegate_to_lab<ParityOptions>(parity_verb, argv),
                          });
}
