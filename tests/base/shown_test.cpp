// What people read: tables, durations, sizes, counts.

#include <gmock/gmock.h>

#include "base/progress.h"
#include "base/table.h"
#include "support.h"

namespace coppice {
namespace {

TEST(Table, AlignsNumbersRightAndWordsLeft) {
  Table table({"method", "ppl"});
  table.add_row({"cmoe", "9.5"});
  table.add_row({"tomoé", "12.25"});
  EXPECT_EQ(table.text(), "method    ppl\ncmoe      9.5\ntomoé   12.25\n");
  EXPECT_EQ(table.markdown(), "| method | ppl |\n|---|---:|\n| cmoe | 9.5 |\n| tomoé | 12.25 |\n");
  EXPECT_EQ(table.tsv(), "method\tppl\ncmoe\t9.5\ntomoé\t12.25\n");
  EXPECT_EQ(table.rows(), 2u);
}

TEST(Table, WithoutRowsIsItsHeader) {
  EXPECT_EQ(Table({"a", "b"}).text(), "a  b\n");
}

TEST(Table, ARowOfTheWrongLengthIsOurBug) {
  Table table({"a", "b"});
  EXPECT_THROW(table.add_row({"1"}), InternalError);
}

TEST(Table, CellsCannotBreakTheirRow) {
  Table table({"text", "n"});
  table.add_row({"a|b\nc\td", "1"});
  EXPECT_EQ(table.tsv(), "text\tn\na|b c d\t1\n");
  EXPECT_EQ(table.markdown(), "| text | n |\n|---|---:|\n| a\\|b c\td | 1 |\n");
}

TEST(Human, Durations) {
  EXPECT_EQ(human_duration(0.42), "0.4s");
  EXPECT_EQ(human_duration(59.94), "59.9s");
  EXPECT_EQ(human_duration(59.97), "1m00s");
  EXPECT_EQ(human_duration(75), "1m15s");
  EXPECT_EQ(human_duration(3599.4), "59m59s");
  EXPECT_EQ(human_duration(3600), "1h00m");
  EXPECT_EQ(human_duration(7384), "2h03m");
}

TEST(Human, Bytes) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.50 KiB");
  EXPECT_EQ(human_bytes(20.0 * 1024 * 1024), "20.0 MiB");
}

TEST(Human, Counts) {
  EXPECT_EQ(human_count(3.14), "3.1");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1234567), "1.23M");
  EXPECT_EQ(human_count(2.5e13), "25.0T");
}

}  // namespace
}  // namespace coppice
