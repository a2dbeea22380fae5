// One SQLite file with its schema, kept safe: a damaged file is set aside, an
// older one is brought up to date, a full or locked one costs a warning.
// database.cc is SQLite's only user.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct sqlite3_stmt;

namespace extfarm::records {

// A statement for one use; it was prepared at its first.
class Query {
 public:
  // `is_damaged` is set when the file turns out not to be sound.
  Query(sqlite3_stmt* statement, bool& is_damaged) : statement_(statement), is_damaged_(is_damaged) {}
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query& bind(std::string_view bytes);  // the next parameter
  Query& bind(double);
  Query& bind(std::int64_t);
  bool step();  // true when there is a row
  std::string bytes(int column) const;
  double number(int column) const;
  std::int64_t integer(int column) const;

 private:
  sqlite3_stmt* statement_;
  bool& is_damaged_;
  int bound_ = 0;
};

class Database {
 public:
  enum class Access { kReadWrite, kReadOnly };
  // Makes the folder and the file.  Errors: kIo; kNotFound when it shall only be read and is not there.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Access);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Empty unless something has to be said: the file was set aside, a write failed.
  const std::string& warning() const;
  // `sql` is a literal: statements are kept by its address.
  Query query(const char* sql) const;
  // Begins the turn's transaction; false when its writes are to be dropped.
  bool begin();
  // Ends it.  A file that turned out to be damaged is set aside here, and
  // nothing more is kept until the next build makes another.
  void flush();

 private:
  Database();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace extfarm::records
