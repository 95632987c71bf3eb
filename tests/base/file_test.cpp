#include "base/file.h"

#include <csignal>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryFolder;
using testing::HasSubstr;

int entries_in(const fs::path& folder) {
  return static_cast<int>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(MappedFile, ShowsTheBytesAndMoves) {
  const TemporaryFolder folder;
  const std::string text("a\0b", 3);
  write_file(folder / "x", text);
  write_file(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "x"), text);
  EXPECT_EQ(read_file(folder / "empty"), "");
  MappedFile first(folder / "x");
  MappedFile second(std::move(first));
  EXPECT_EQ(second.bytes().size(), 3u);
  EXPECT_TRUE(first.bytes().empty());  // NOLINT: moved from on purpose
  MappedFile third(folder / "empty");
  third = std::move(second);
  EXPECT_EQ(third.bytes().size(), 3u);
}

TEST(MappedFile, CanBeReadWithoutLookingAtIt) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += static_cast<char>(i * i % 251);
  write_file(folder / "x", text);
  MappedFile first(folder / "x", true);
  const MappedFile file(std::move(first));
  for (const size_t begin : {size_t{0}, size_t{1}, size_t{4095}, size_t{19999}, text.size()}) {
    const auto part = file.bytes().subspan(begin);
    std::string read(part.size(), ' ');
    file.read(part, reinterpret_cast<std::byte*>(read.data()));
    EXPECT_EQ(read, text.substr(begin));
    file.read_ahead(part);
  }
  EXPECT_FALSE(file.read_ahead(file.bytes())) << "it was just read";
  std::string read(text.size(), ' ');
  fs::resize_file(folder / "x", 5000);
  EXPECT_THAT(error_of([&] { file.read(file.bytes(), reinterpret_cast<std::byte*>(read.data())); }),
              HasSubstr("an end after 5000 bytes"));
  const MappedFile closed(folder / "x");
  EXPECT_THROW(closed.read(closed.bytes(), reinterpret_cast<std::byte*>(read.data())), InternalError);
}

TEST(MappedFile, WhatCannotBeReadIsAnInputError) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { MappedFile(folder / "absent"); }), HasSubstr("No such file"));
  EXPECT_THAT(error_of([&] { MappedFile(folder.path()); }), HasSubstr("not a regular file"));
}

TEST(AtomicFile, UncommittedLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  write_file(folder / "x", "old");
  {
    AtomicFile file(folder / "x");
    file.write(std::string_view("new"));
    EXPECT_EQ(read_file(folder / "x"), "old");
  }
  EXPECT_EQ(read_file(folder / "x"), "old");
  EXPECT_EQ(entries_in(folder.path()), 1);
}

TEST(AtomicFile, CommitReplaces) {
  const TemporaryFolder folder;
  write_file(folder / "x", "old");
  write_file(folder / "x", "new and longer");
  EXPECT_EQ(read_file(folder / "x"), "new and longer");
  EXPECT_EQ(entries_in(folder.path()), 1);
}

TEST(AtomicFile, AMissingFolderIsAnError) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of([&] { write_file(folder / "absent" / "x", "text"); }), HasSubstr("cannot create"));
}

// Runs `work` in a child that is killed, as by the power button, when it returns.
template <class Work>
void run_and_kill(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST(AtomicFile, AKillBeforeCommitLeavesTheOldFile) {
  const TemporaryFolder folder;
  write_file(folder / "x", "old");
  run_and_kill([&] {
    auto* file = new AtomicFile(folder / "x");
    file->write(std::string_view("half of the n"));
  });
  EXPECT_EQ(read_file(folder / "x"), "old");
}

TEST(AtomicDirectory, UncommittedLeavesNothing) {
  const TemporaryFolder folder;
  {
    const AtomicDirectory directory(folder / "out", false);
    write_file(directory.path() / "x", "text");
  }
  EXPECT_EQ(entries_in(folder.path()), 0);
}

TEST(AtomicDirectory, CommitMakesItAppear) {
  const TemporaryFolder folder;
  for (const char* name : {"out", "slash/"}) {
    AtomicDirectory directory(folder / name, false);
    write_file(directory.path() / "x", "text");
    EXPECT_FALSE(fs::exists(folder / name));
    directory.commit();
    EXPECT_EQ(read_file(folder / name / "x"), "text");
  }
  EXPECT_EQ(entries_in(folder.path()), 2);
}

TEST(AtomicDirectory, OverwritesOnlyWhenAsked) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "out");
  write_file(folder / "out" / "old", "old");
  EXPECT_THAT(error_of([&] { AtomicDirectory(folder / "out", false); }), HasSubstr("--overwrite"));
  EXPECT_TRUE(fs::exists(folder / "out" / "old"));

  AtomicDirectory directory(folder / "out", true);
  write_file(directory.path() / "new", "new");
  EXPECT_TRUE(fs::exists(folder / "out" / "old"));
  directory.commit();
  EXPECT_FALSE(fs::exists(folder / "out" / "old"));
  EXPECT_EQ(read_file(folder / "out" / "new"), "new");
  EXPECT_EQ(entries_in(folder.path()), 1);
}

TEST(AtomicDirectory, OverwritesAlsoUnderATrailingSlash) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "out");
  write_file(folder / "out" / "old", "old");
  AtomicDirectory directory(folder / "out/", true);
  write_file(directory.path() / "new", "new");
  directory.commit();
  EXPECT_TRUE(fs::exists(folder / "out" / "new"));
  EXPECT_EQ(entries_in(folder.path()), 1);
}

TEST(AtomicDirectory, AKillLeavesTheOldOneWhole) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "out");
  write_file(folder / "out" / "old", "old");
  run_and_kill([&] {
    auto* directory = new AtomicDirectory(folder / "out", true);
    write_file(directory->path() / "new", "new");
  });
  EXPECT_EQ(read_file(folder / "out" / "old"), "old");
  EXPECT_FALSE(fs::exists(folder / "out" / "new"));
}

}  // namespace
}  // namespace coppice
