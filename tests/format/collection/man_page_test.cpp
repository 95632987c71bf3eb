// Man pages as text; against groff on real pages where it is installed (COPPICE_MAN names a folder of pages).

#include <algorithm>
#include <set>

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/rng.h"
#include "format/byte_source.h"
#include "format/collection/collection_support.h"
#include "format/collection/decode_text.h"
#include "format/collection/document_reader.h"

namespace coppice {
namespace {

using test::of_format;
using test::shown;
using testing::ElementsAre;

std::string text_of(const std::string& page) {
  return shown(page, of_format(CollectionFormat::man)).at(0);
}

TEST(ManPage, Macros) {
  const std::string page =
      "'\\\" t\n.\\\" a comment\n.TH LS 1 \"June 2020\" GNU\n.SH NAME\nls \\- list \\fBdirectory\\fP\n.SH "
      "\"THE OPTIONS\"\n"
      "Words of\none line,\n.BR ls (1)\nand\n.B bold words\n.PP\n.TP\n\\fB\\-a\\fR, \\fB\\-\\-all\\fR\ndo "
      "not ignore\n"
      ".IP \\(bu 2\nbullet\n.nf\n  code  x\n  more\n.fi\nend\\c\ned\\&.\n.UR http://x.y\na site\n.UE .\n";
  EXPECT_EQ(text_of(page),
            "input|title=ls - list directory|text=THE OPTIONS\nWords of one line, ls(1) and bold "
            "words\n\n-a, --all\ndo not "
            "ignore\n\n• bullet\n  code  x\n  more\nended. a site <http://x.y>.");
}

TEST(ManPage, RequestsAndConditions) {
  const std::string page =
      ".de Sp\n.if t .sp .5v\n.if n .sp\n..\n.de two\n\\\\$1-\\\\$2\n..\n.ie n \\{\\\n.    ds -- "
      "--\n'br\\}\n.el \\{\\\n"
      ".    ds -- \\|\\(em\\|\n.\\}\n.ds C+ C\\v'-.1v'\\h'-1p'+\\h'-1p'+\n.if (\\n(.H=4u)&(1m=24u) "
      "wrong\n.if \\n(.g .ds g yes\n"
      ".nr x 3\n.if \\nx>2 \\{\\\n.ds y big\n.\\}\n.ig\nhidden\n..\n.TH X 3pm\n.SH NAME\nx\\*(--y \\*(C+ "
      "\\*g \\*y\n"
      ".if '\\*g'yes' equal\n.SH D\na\n.Sp\nb\n.two 1 \"2 3\"\n.undefined words\n";
  EXPECT_EQ(text_of(page), "input|title=x--y C++ yes big equal|text=D\na\n\nb 1-2 3");
}

TEST(ManPage, Tables) {
  const std::string page =
      ".TH X 1\n.SH NAME\nx\n.SH D\nbefore\n.TS\nallbox tab(:);\nlb l\nl "
      "l.\nName:What\n_\na:T{\nlong\ntext\nT}\n\\fBb\\fR:c\n.TE\n"
      "after\n";
  EXPECT_EQ(text_of(page), "input|title=x|text=D\nbefore\n\nName  What\na\nlong text\nb  c\n\nafter");
}

TEST(ManPage, Mdoc) {
  const std::string page =
      ".Dd June 1, 2020\n.Dt CAT 1\n.Os\n.Sh NAME\n.Nm cat\n.Nd concatenate files\n.Sh SYNOPSIS\n.Nm\n.Op Fl "
      "benstuv\n"
      ".Op Ar\n.Sh DESCRIPTION\nThe\n.Nm\nutility reads\n.Ar file ,\nsee\n.Xr head 1 ,\n.Xr tail 1 .\n.Bl "
      "-tag -width x\n"
      ".It Fl n Ns Ar um\nNumber\n.Pq Dq the output .\n.El\n.Bl -bullet\n.It\none\n.El\n.Fn read \"int fd\" "
      "\"void *buf\"\n.Ex -std cat\n"
      "A\n.Bx 4.4\nfeature\n.Oo Fl x Oc\n.Bd -literal\n  a  b\n.Ed\n";
  EXPECT_EQ(text_of(page),
            "input|title=cat — concatenate files|text=SYNOPSIS\ncat [-benstuv] [file "
            "...]\n\nDESCRIPTION\nThe cat utility reads "
            "file, see head(1), tail(1).\n\n-num\nNumber (“the output”).\n\n• one\n\nread(int fd, void *buf) "
            "The cat utility exits "
            "0 on success, and >0 if an error occurs. A 4.4BSD feature [-x]\n\n  a  b");
}

TEST(ManPage, APointerIsNoDocument) {
  EXPECT_THAT(shown(".so man1/other.1\n", of_format(CollectionFormat::man)), ElementsAre());
  const auto all = test::collect(".TH LS 1 2020\n.SH NAME\nls\n", of_format(CollectionFormat::man));
  EXPECT_EQ(all.documents[0].metadata, Json({{"name", "LS"}, {"section", "1"}, {"date", "2020"}}));
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  bool within = false;
  for (const char c : text) {
    const bool letter =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
    if (letter && !within) words.emplace_back();
    if (letter) words.back() += c;
    within = letter;
  }
  return words;
}

// Words of both, counted, divided by the words of either.
double likeness(const std::string& a, const std::string& b) {
  auto one = words_of(a), other = words_of(b);
  std::sort(one.begin(), one.end());
  std::sort(other.begin(), other.end());
  std::vector<std::string> common;
  std::set_intersection(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(common));
  const size_t either = one.size() + other.size() - common.size();
  return either == 0 ? 1 : static_cast<double>(common.size()) / static_cast<double>(either);
}

TEST(ManPage, HasTheWordsThatGroffPrints) {
  const char* folder = std::getenv("COPPICE_MAN");
  if (folder == nullptr || std::system("groff --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "COPPICE_MAN does not name a folder of man pages, or groff is not installed";
  std::vector<std::filesystem::path> pages;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && !entry.is_symlink()) pages.push_back(entry.path());
  std::sort(pages.begin(), pages.end());
  Rng rng(1);
  rng.shuffle(pages);
  pages.resize(std::min<size_t>(pages.size(), 200));
  const test::TemporaryFolder scratch;
  std::vector<double> all;
  for (const auto& path : pages) {
    ByteSource source(path);
    const std::string page = decode_file(read_unpacked(source, size_t{64} << 20));
    SourceDocument document;
    document.metadata = Json::object();
    if (!read_man_page(page, document)) continue;
    std::string ours;
    for (const auto& [name, content] : document.fields) ours += content + "\n";
    write_file(scratch / "page", page);
    const std::string command =
        fmt::format("groff -t -k -mandoc -Tutf8 -P-c -rLL=2000n -rHY=0 {} >{} 2>/dev/null",
                    (scratch / "page").string(), (scratch / "out").string());
    if (std::system(command.c_str()) != 0) continue;
    std::string theirs;
    const std::string printed = read_file(scratch / "out");
    for (size_t i = 0; i < printed.size(); ++i) {
      if (i + 1 < printed.size() && printed[i + 1] == '\b') {
        ++i;
        continue;
      }
      theirs += printed[i];
    }
    all.push_back(likeness(ours, theirs));
    if (all.back() < 0.8) std::printf("%s %.3f\n", path.c_str(), all.back());
  }
  std::sort(all.begin(), all.end());
  ASSERT_FALSE(all.empty());
  std::printf("%zu pages: median %.3f, tenth percentile %.3f\n", all.size(), all[all.size() / 2],
              all[all.size() / 10]);
  // The page's header and footer are in groff's text and not in ours.
  EXPECT_GT(all[all.size() / 2], 0.9);
  EXPECT_GT(all[all.size() / 10], 0.75);
}

}  // namespace
}  // namespace coppice
