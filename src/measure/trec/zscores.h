#pragma once
// Means and standard deviations of measures over reference runs, query by query: lines `query measure mean deviation`.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

namespace coppice {

class ZScores {
 public:
  // What trec_eval prints where nothing is known of a query and measure.
  static constexpr double missing = -1000000;

  static ZScores read(const std::filesystem::path& path);
  static ZScores parse(std::string_view text, const std::string& where);

  // (value - mean) / deviation; with a deviation of 0, 0 for the mean itself; else `missing`.
  double of(const std::string& query, const std::string& measure, double value) const;

 private:
  struct Reference {
    double mean, deviation;
  };
  std::map<std::pair<std::string, std::string>, Reference> references_;
};

}  // namespace coppice
