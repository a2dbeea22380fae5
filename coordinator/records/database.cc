#include "coordinator/records/database.h"

#include <sqlite3.h>

#include <filesystem>
#include <unordered_map>
#include <utility>

#include "common/system/filesystem.h"

namespace extfarm::records {
namespace {

namespace fs = std::filesystem;

constexpr int kSchemaVersion = 5;
constexpr int kBusyMilliseconds = 500;  // another coordinator's transaction lasts one turn of its loop

// user_version 5:
//   runs       one row for each run, and one for each speed of a host; rowid order is time; host: where, or whose
//   edges      producer → consumer, as the last builds saw them
//   files      versions of files: digest and the stamp it was last seen with
//   searches   search orders
//   published  the last published result of an action
//   commands   the action as it was submitted, and where it can be found by name
//   verdicts   why an action last ran or was restored, and in which build
//   toolchains components behind a toolchain's digest
//   builds     the last build: which actions were up to date
//   results    one row: a number that no other state of `published` has
constexpr const char* kHistory = R"(
CREATE TABLE runs (identity TEXT NOT NULL, run_seconds REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL,
  host TEXT NOT NULL DEFAULT '');
CREATE INDEX runs_by_identity ON runs (identity);
CREATE TABLE edges (producer TEXT NOT NULL, consumer TEXT NOT NULL, PRIMARY KEY (producer, consumer)) WITHOUT ROWID;
)";
constexpr const char* kResults = R"(
CREATE TABLE files (id INTEGER PRIMARY KEY, path BLOB NOT NULL, content BLOB NOT NULL);
CREATE TABLE searches (id INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE published (identity TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE commands (identity TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE names (name BLOB NOT NULL, identity TEXT NOT NULL, PRIMARY KEY (name, identity)) WITHOUT ROWID;
CREATE TABLE verdicts (identity TEXT PRIMARY KEY, build INTEGER NOT NULL, reason TEXT NOT NULL,
  is_restored INTEGER NOT NULL DEFAULT 0);
CREATE TABLE toolchains (digest TEXT PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE builds (id INTEGER PRIMARY KEY, fresh BLOB NOT NULL);
CREATE TABLE results (state INTEGER NOT NULL);
PRAGMA user_version = 5;
)";
// Version 1 kept results without their search order: they are built once more.
constexpr const char* kFromVersion1 = "DROP TABLE published;";
// Version 2 had no store to restore from.
constexpr const char* kFromVersion2 = "ALTER TABLE verdicts ADD COLUMN is_restored INTEGER NOT NULL DEFAULT 0;";
// Version 3 did not tell the states of its results apart.
constexpr const char* kFromVersion3 = "CREATE TABLE results (state INTEGER NOT NULL);";
// Version 4 did not say where an action ran.
constexpr const char* kFromVersion4 = R"(
ALTER TABLE runs ADD COLUMN host TEXT NOT NULL DEFAULT '';
PRAGMA user_version = 5;
)";
// Reads every column that is used.
constexpr const char* kProbe =
    "SELECT r.rowid, r.identity, r.run_seconds, r.peak_memory_bytes, r.host, e.producer, e.consumer, f.id, f.path, "
    "f.content, s.id, s.content, p.identity, p.content, c.identity, c.content, n.name, n.identity, v.identity, "
    "v.build, v.reason, v.is_restored, t.digest, t.content, b.id, b.fresh, q.state FROM runs r, edges e, files f, searches s, published p, "
    "commands c, names n, verdicts v, toolchains t, builds b, results q LIMIT 1";

enum class Opening { kOpened, kNotOurs, kCannot };

// Statuses that mean "these bytes are no database of ours", not "not now".
bool says_damaged(int status) {
  return status == SQLITE_NOTADB || status == SQLITE_CORRUPT || status == SQLITE_ERROR;
}

}  // namespace

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}
Query& Query::bind(std::string_view bytes) {
  // Text everywhere, so that what was written as text compares equal; it may hold any bytes.
  sqlite3_bind_text(statement_, ++bound_, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  return *this;
}
Query& Query::bind(double number) {
  sqlite3_bind_double(statement_, ++bound_, number);
  return *this;
}
Query& Query::bind(std::int64_t number) {
  sqlite3_bind_int64(statement_, ++bound_, number);
  return *this;
}
bool Query::step() {
  if (statement_ == nullptr) return false;
  const int status = sqlite3_step(statement_);
  if (status == SQLITE_CORRUPT || status == SQLITE_NOTADB) is_damaged_ = true;
  return status == SQLITE_ROW;
}
std::string Query::bytes(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
double Query::number(int column) const { return sqlite3_column_double(statement_, column); }
std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

struct Database::Impl {
  sqlite3* db = nullptr;
  std::string path, warning;
  mutable std::unordered_map<const char*, sqlite3_stmt*> statements;
  bool is_damaged = false;
  bool was_left_open = false;  // a build that used it was killed, or still runs
  bool in_transaction = false;
  bool turn_is_lost = false;  // the transaction could not begin; writes until flush() are dropped

  ~Impl() { close(); }
  void close() {
    for (const auto& [sql, statement] : statements) sqlite3_finalize(statement);
    statements.clear();
    sqlite3_close(std::exchange(db, nullptr));
  }
  int run(const char* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr); }
  // The one number that `sql` yields; `status` tells what came of it.
  int number_from(const char* sql, int& status) {
    sqlite3_stmt* statement = nullptr;
    status = sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
    int out = 0;
    if (statement != nullptr && (status = sqlite3_step(statement)) == SQLITE_ROW)
      out = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return out;
  }
  Opening open(const std::string& where, Access);
  Opening bring_up_to_date();
  Opening check_content();
  void lose_turn();
  // The new name; empty when it could not be renamed.
  std::string set_aside();
};

Opening Database::Impl::open(const std::string& where, Access access) {
  path = where;
  const bool on_network = is_on_network(fs::path(path).parent_path().string());
  const int flags = access == Access::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  std::error_code failed;
  was_left_open = fs::exists(path + "-wal", failed) || fs::exists(path + "-journal", failed);
  // A network's locks may hang or be lies: one build at a time is what the tree's own lock is for.
  if (sqlite3_open_v2(path.c_str(), &db, flags, on_network ? "unix-none" : nullptr) != SQLITE_OK) return Opening::kCannot;
  if (access == Access::kReadWrite && sqlite3_db_readonly(db, "main") == 1) return Opening::kCannot;
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  int status = SQLITE_OK;
  const int version = number_from("PRAGMA user_version", status);
  if (status != SQLITE_ROW) return says_damaged(status) ? Opening::kNotOurs : Opening::kCannot;
  if (version < 0 || version > kSchemaVersion) return Opening::kNotOurs;
  if (access == Access::kReadOnly) return version == kSchemaVersion ? Opening::kOpened : Opening::kNotOurs;
  // WAL shares memory among its users, so all of them must be on one host; and
  // a network's round trips are too slow to be waited for at each turn.
  run(on_network ? "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF"
                 : "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const auto pages = static_cast<std::uint64_t>(number_from("PRAGMA page_count", status));
  const auto page_bytes = static_cast<std::uint64_t>(number_from("PRAGMA page_size", status));
  if (!was_left_open && fs::file_size(path, failed) < pages * page_bytes) return Opening::kNotOurs;
  if (was_left_open && number_from("SELECT quick_check = 'ok' FROM pragma_quick_check(1)", status) != 1)
    return says_damaged(status) || status == SQLITE_ROW ? Opening::kNotOurs : Opening::kCannot;
  if (version != kSchemaVersion) {
    if (const auto made = bring_up_to_date(); made != Opening::kOpened) return made;
  }
  return check_content();
}

// Another coordinator may be doing the same just now: whoever comes second finds it done.
Opening Database::Impl::bring_up_to_date() {
  if (const int status = run("BEGIN IMMEDIATE"); status != SQLITE_OK)
    return says_damaged(status) ? Opening::kNotOurs : Opening::kCannot;
  int status = SQLITE_OK;
  const int version = number_from("PRAGMA user_version", status);
  status = SQLITE_OK;
  if (version == 0) status = run(kHistory);
  if (version == 1) status = run(kFromVersion1);
  if (version < 2 && status == SQLITE_OK) status = run(kResults);
  if (version == 2) status = run(kFromVersion2);
  if ((version == 2 || version == 3) && status == SQLITE_OK) status = run(kFromVersion3);
  if (version > 0 && status == SQLITE_OK) status = run(kFromVersion4);
  if (status != SQLITE_OK) {
    run("ROLLBACK");
    return says_damaged(status) ? Opening::kNotOurs : Opening::kCannot;
  }
  if (version == 1)
    warning = "the records in " + path + " came from an earlier extfarm: durations are kept, results are built once more";
  return run("COMMIT") == SQLITE_OK ? Opening::kOpened : Opening::kCannot;
}

// Only what costs nothing: whatever else is damaged shows when it is read.
Opening Database::Impl::check_content() {
  int status = SQLITE_OK;
  sqlite3_stmt* statement = nullptr;
  status = sqlite3_prepare_v2(db, kProbe, -1, &statement, nullptr);
  sqlite3_finalize(statement);
  if (says_damaged(status)) return Opening::kNotOurs;
  return Opening::kOpened;
}

void Database::Impl::lose_turn() {
  turn_is_lost = true;
  warning = "could not write " + path + " (" + sqlite3_errmsg(db) +
            "); some of this build is not remembered and will be built again next time";
}

std::string Database::Impl::set_aside() {
  close();
  std::error_code failed;
  std::string aside;
  for (int n = 1; fs::exists(aside = path + ".damaged-" + std::to_string(n), failed); ++n) {
  }
  fs::rename(path, aside, failed);
  if (failed) return {};
  for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(path + suffix, failed);
  return aside;
}

Database::Database() : impl_(std::make_unique<Impl>()) {}
Database::~Database() { flush(); }

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Access access) {
  std::error_code failed;
  const auto cannot = [&] {
    return failure(ErrorCode::kIo, "cannot keep records in " + path +
                                       "; make its folder writable, or end what holds the file locked");
  };
  std::unique_ptr<Database> database(new Database);
  if (access == Access::kReadOnly) {
    if (!fs::exists(path, failed)) return failure(ErrorCode::kNotFound, "there are no records in " + path);
    if (database->impl_->open(path, access) == Opening::kOpened) return database;
    return failure(ErrorCode::kIo, "cannot read the records in " + path + "; the next build brings them up to date, or makes them anew");
  }
  fs::create_directories(fs::path(path).parent_path(), failed);
  const auto opening = database->impl_->open(path, access);
  if (opening == Opening::kOpened) return database;
  if (opening == Opening::kCannot) return cannot();
  const std::string aside = database->impl_->set_aside();
  if (aside.empty()) return cannot();
  database.reset(new Database);
  if (database->impl_->open(path, access) != Opening::kOpened) return cannot();
  database->impl_->warning = "the records in " + path +
                             " were damaged or of a later version; they were set aside as " + aside +
                             ", and this build starts without them";
  return database;
}

const std::string& Database::warning() const { return impl_->warning; }

Query Database::query(const char* sql) const {
  auto& statement = impl_->statements[sql];
  if (statement == nullptr && impl_->db != nullptr) sqlite3_prepare_v2(impl_->db, sql, -1, &statement, nullptr);
  return Query(statement, impl_->is_damaged);
}

bool Database::begin() {
  Impl& impl = *impl_;
  if (impl.db == nullptr) return false;
  if (impl.in_transaction || impl.turn_is_lost) return impl.in_transaction;
  impl.in_transaction = impl.run("BEGIN IMMEDIATE") == SQLITE_OK;
  if (!impl.in_transaction) impl.lose_turn();
  return impl.in_transaction;
}

void Database::flush() {
  Impl& impl = *impl_;
  if (impl.is_damaged && impl.db != nullptr) {
    const auto aside = impl.set_aside();
    impl.warning = "the records in " + impl.path + " are damaged" +
                   (aside.empty() ? "; remove them" : " and were set aside as " + aside) +
                   "; this build is not remembered, the next one starts anew";
    return;
  }
  if (impl.in_transaction && impl.run("COMMIT") != SQLITE_OK) {
    impl.lose_turn();
    impl.run("ROLLBACK");
  }
  impl.in_transaction = impl.turn_is_lost = false;
}

}  // namespace extfarm::records
