#include "index/store/database.h"

#include <sqlite3.h>

#include "base/error.h"

namespace coppice {

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  check(code);
}

void Statement::check(int code) {
  if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
    database_.fail(code, "using the database");
}

Statement& Statement::bind(int place, int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), place, value));
  return *this;
}

Statement& Statement::bind(int place, double value) {
  check(sqlite3_bind_double(statement_.get(), place, value));
  return *this;
}

Statement& Statement::bind(int place, std::string_view text) {
  check(sqlite3_bind_text64(statement_.get(), place, text.data() == nullptr ? "" : text.data(), text.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(int place, std::string_view bytes) {
  check(sqlite3_bind_blob64(statement_.get(), place, bytes.data() == nullptr ? "" : bytes.data(),
                            bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  check(code);
  return code == SQLITE_ROW;
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
}

void Database::Close::operator()(sqlite3* handle) const {
  sqlite3_close_v2(handle);
}

Database::Database(std::filesystem::path path, Access access) : path_(std::move(path)) {
  const int flags = access == Access::read
                        ? SQLITE_OPEN_READWRITE  // readers of a write-ahead log share its index
                    : access == Access::write ? SQLITE_OPEN_READWRITE
                                              : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(path_.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && access == Access::read) {
    // An index on a medium or in a folder that may not be written: without a log there is nothing to share.
    sqlite3_close_v2(handle);
    code = sqlite3_open_v2(("file:" + path_.string() + "?immutable=1").c_str(), &handle,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  }
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code, "opening the database");
  sqlite3_busy_timeout(handle, 60000);
  if (access == Access::create) {
    run("PRAGMA journal_mode = WAL");
  }
  if (access != Access::read) run("PRAGMA synchronous = FULL");
}

void Database::fail(int code, std::string_view action) {
  const bool resource = code == SQLITE_FULL || code == SQLITE_NOMEM || code == SQLITE_IOERR;
  throw Error({.where = path_.string(),
               .found = fmt::format("{} failed: {}", action,
                                    handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code)),
               .advice = code == SQLITE_FULL ? "free some disk space"
                         : resource          ? ""
                                             : "check the index with: coppice index verify INDEX"},
              resource ? Fault::resource : Fault::input);
}

void Database::run(std::string_view sql) {
  Statement(*this, sql).run();
}

std::optional<int64_t> Database::integer(std::string_view sql) {
  Statement statement(*this, sql);
  if (!statement.step()) return std::nullopt;
  return statement.integer(0);
}

std::optional<std::string> Database::text(std::string_view sql) {
  Statement statement(*this, sql);
  if (!statement.step()) return std::nullopt;
  return std::string(statement.text(0));
}

int64_t Database::changes() const {
  return sqlite3_changes64(handle_.get());
}

}  // namespace coppice
