#pragma once
// SQLite, as far as the index needs it: statements whose errors are Errors that name the database file.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace coppice {

class Database;

// A prepared statement. Bind, step until false, reset.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  Statement& bind(int place, int64_t value);
  Statement& bind(int place, double value);
  Statement& bind(int place, std::string_view text);
  Statement& bind_blob(int place, std::string_view bytes);
  // True if there is a row.
  bool step();
  // Runs to the end and makes the statement ready again.
  void run();
  void reset();

  int64_t integer(int column) const;
  std::string_view text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void check(int code);

  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  enum class Access { read, write, create };
  Database(std::filesystem::path path, Access access);

  void run(std::string_view sql);
  // The first column of the first row; nothing if there is no row.
  std::optional<int64_t> integer(std::string_view sql);
  std::optional<std::string> text(std::string_view sql);
  int64_t changes() const;

  const std::filesystem::path& path() const { return path_; }
  sqlite3* handle() { return handle_.get(); }
  [[noreturn]] void fail(int code, std::string_view action);

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace coppice
