// The only file that sees SQLite.  Layout, user_version 1:
//   runs       one row for each run; rowid order is time; kRunsKept for each identity
//   edges      producer → consumer, as the last builds saw them
//   published  the last published result of an identity, as JSON
// Losing a write costs a rebuild or a worse prediction, never a wrong file: what
// is recorded is compared with the files by digest.  So a write never waits long.
#include "coordinator/records/records.h"

#include <linux/magic.h>
#include <sqlite3.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <unordered_map>

#include "common/model/byte_strings.h"

namespace extfarm::records {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kSchemaVersion = 1;
constexpr int kRunsKept = 9;
constexpr int kLongestChain = 64;       // deeper ones are as long as makes no difference
constexpr int kBusyMilliseconds = 500;  // another coordinator's transaction lasts one turn of its loop
constexpr const char* kSchema = R"(
CREATE TABLE runs (identity TEXT NOT NULL, run_seconds REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL);
CREATE INDEX runs_by_identity ON runs (identity);
CREATE TABLE edges (producer TEXT NOT NULL, consumer TEXT NOT NULL, PRIMARY KEY (producer, consumer)) WITHOUT ROWID;
CREATE TABLE published (identity TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
)";
// Reads every column this file uses.
constexpr const char* kSchemaProbe =
    "SELECT r.rowid, r.identity, r.run_seconds, r.peak_memory_bytes, e.producer, e.consumer, p.identity, "
    "p.content FROM runs r, edges e, published p LIMIT 1";

enum class Opening { kOpened, kNotOurs, kCannot };

// One prepared statement for one use.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { status_ = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& bind(int at, const std::string& text) {
    sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(int at, double number) {
    sqlite3_bind_double(statement_, at, number);
    return *this;
  }
  Statement& bind(int at, std::int64_t number) {
    sqlite3_bind_int64(statement_, at, number);
    return *this;
  }
  // True when there is a row to read.
  bool step() {
    if (statement_ == nullptr) return false;
    status_ = sqlite3_step(statement_);
    return status_ == SQLITE_ROW;
  }
  int status() const { return status_; }
  std::string text(int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  double number(int column) { return sqlite3_column_double(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int status_ = SQLITE_OK;
};

// Statuses that mean "these bytes are no database of ours", not "not now".
bool says_damaged(int status) {
  return status == SQLITE_NOTADB || status == SQLITE_CORRUPT || status == SQLITE_ERROR;
}

// WAL shares memory among its users, so all of them must be on one host.
bool is_on_network(const std::string& path) {
  struct statfs found {};
  if (::statfs(fs::path(path).parent_path().c_str(), &found) != 0) return true;
  constexpr long kFuse = 0x65735546, kCifs = static_cast<long>(0xFF534D42), kLustre = 0x0BD00BD0,
                 kCeph = 0x00C36400;
  for (const long type : {static_cast<long>(NFS_SUPER_MAGIC), kFuse, kCifs, kLustre, kCeph}) {
    if (static_cast<std::uint32_t>(found.f_type) == static_cast<std::uint32_t>(type)) return true;
  }
  return false;
}

std::string text_of(const Published& published) {
  json inputs = json::array(), outputs = json::array();
  for (const auto& input : published.inputs) inputs.push_back({bytes_to(input.path), to_hex(input.digest)});
  for (const auto& output : published.outputs) {
    outputs.push_back({bytes_to(output.path), static_cast<int>(output.kind), output.mode, output.size_bytes,
                       to_hex(output.digest), bytes_to(output.link_target)});
  }
  return json{{"command", to_hex(published.fingerprint_of_command)},
              {"inputs", inputs},
              {"outputs", outputs},
              {"stdout", bytes_to(published.stdout_bytes)},
              {"stderr", bytes_to(published.stderr_bytes)}}
      .dump();
}

Published published_from(const std::string& text) {
  const json object = json::parse(text);
  const auto digest = [](const json& hex) {
    const auto read = digest_from_hex(hex.get<std::string>());
    if (!read) throw std::invalid_argument(read.error().message);
    return *read;
  };
  Published out;
  out.fingerprint_of_command = digest(object.at("command"));
  for (const auto& input : object.at("inputs"))
    out.inputs.push_back({bytes_from(input.at(0)), digest(input.at(1))});
  for (const auto& output : object.at("outputs")) {
    const int kind = output.at(1).get<int>();
    if (kind < 0 || kind > static_cast<int>(OutputKind::kRemoved)) throw std::invalid_argument("output kind");
    out.outputs.push_back({bytes_from(output.at(0)), static_cast<OutputKind>(kind),
                           output.at(2).get<std::uint32_t>(), output.at(3).get<std::uint64_t>(),
                           digest(output.at(4)), bytes_from(output.at(5))});
  }
  out.stdout_bytes = bytes_from(object.at("stdout"));
  out.stderr_bytes = bytes_from(object.at("stderr"));
  return out;
}

}  // namespace

struct Records::Impl {
  sqlite3* db = nullptr;
  std::string path, warning;
  bool in_transaction = false;
  bool turn_is_lost = false;  // the transaction could not begin; writes until flush() are dropped

  ~Impl() { sqlite3_close(db); }
  int run(const char* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr); }

  // False when this turn's writes must be dropped.
  bool begin() {
    if (in_transaction || turn_is_lost) return in_transaction;
    in_transaction = run("BEGIN IMMEDIATE") == SQLITE_OK;
    if (!in_transaction) lose_turn();
    return in_transaction;
  }
  void lose_turn() {
    turn_is_lost = true;
    warning = "could not write " + path + " (" + sqlite3_errmsg(db) +
              "); some of this build is not remembered and will be built again next time";
  }
  void flush() {
    if (in_transaction && run("COMMIT") != SQLITE_OK) {
      lose_turn();
      run("ROLLBACK");
    }
    in_transaction = turn_is_lost = false;
  }

  Opening open(const std::string& where);
  Opening make_schema();
  Opening check_content();
  double tail(const std::string& identity, int depth, std::unordered_map<std::string, double>& known) const;
  std::optional<double> predicted(const std::string& identity) const;
};

Opening Records::Impl::open(const std::string& where) {
  path = where;
  if (sqlite3_open(path.c_str(), &db) != SQLITE_OK || sqlite3_db_readonly(db, "main") == 1)
    return Opening::kCannot;
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  int version = 0;
  {
    Statement statement(db, "PRAGMA user_version");
    if (!statement.step()) return says_damaged(statement.status()) ? Opening::kNotOurs : Opening::kCannot;
    version = static_cast<int>(statement.number(0));
  }
  if (version != 0 && version != kSchemaVersion) return Opening::kNotOurs;
  // A network's round trips are too slow to be waited for at each turn.
  if (is_on_network(path)) {
    run("PRAGMA synchronous = OFF");
  } else {
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
  }
  if (version == 0) {
    if (const auto made = make_schema(); made != Opening::kOpened) return made;
  }
  return check_content();
}

// Another coordinator may be doing the same just now: whoever comes second finds it done.
Opening Records::Impl::make_schema() {
  if (const int status = run("BEGIN IMMEDIATE"); status != SQLITE_OK)
    return says_damaged(status) ? Opening::kNotOurs : Opening::kCannot;
  int version = 0;
  {
    Statement statement(db, "PRAGMA user_version");
    if (statement.step()) version = static_cast<int>(statement.number(0));
  }
  const int status = version == kSchemaVersion ? SQLITE_OK : run(kSchema);
  if (status != SQLITE_OK) {
    run("ROLLBACK");
    return says_damaged(status) ? Opening::kNotOurs : Opening::kCannot;
  }
  return run("COMMIT") == SQLITE_OK ? Opening::kOpened : Opening::kCannot;
}

Opening Records::Impl::check_content() {
  Statement probe(db, kSchemaProbe);
  if (says_damaged(probe.status())) return Opening::kNotOurs;
  Statement check(db, "PRAGMA quick_check(1)");
  if (check.step()) return check.text(0) == "ok" ? Opening::kOpened : Opening::kNotOurs;
  return says_damaged(check.status()) ? Opening::kNotOurs : Opening::kCannot;
}

Records::Records() : impl_(std::make_unique<Impl>()) {}
Records::~Records() { flush(); }

Result<std::unique_ptr<Records>> Records::open(const std::string& path) {
  std::error_code failed;
  fs::create_directories(fs::path(path).parent_path(), failed);
  const auto cannot = [&] {
    return failure(ErrorCode::kIo, "cannot keep records in " + path +
                                       "; make its folder writable, or end what holds the file locked");
  };
  std::unique_ptr<Records> records(new Records);
  const auto opening = records->impl_->open(path);
  if (opening == Opening::kOpened) return records;
  if (opening == Opening::kCannot) return cannot();
  records.reset(new Records);
  std::string aside;
  for (int n = 1; fs::exists(aside = path + ".damaged-" + std::to_string(n), failed); ++n) {
  }
  fs::rename(path, aside, failed);
  if (failed) return cannot();
  for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(path + suffix, failed);
  if (records->impl_->open(path) != Opening::kOpened) return cannot();
  records->impl_->warning = "the records in " + path +
                            " were damaged or of another version; they were set aside as " + aside +
                            ", and this build starts without them";
  return records;
}

const std::string& Records::warning() const { return impl_->warning; }

std::optional<double> Records::Impl::predicted(const std::string& identity) const {
  Statement statement(db, "SELECT run_seconds FROM runs WHERE identity = ? ORDER BY run_seconds");
  statement.bind(1, identity);
  std::vector<double> runs;
  while (statement.step()) runs.push_back(statement.number(0));
  if (runs.empty()) return std::nullopt;
  return (runs[(runs.size() - 1) / 2] + runs[runs.size() / 2]) / 2;
}

// `known` also ends circles: an identity counts as 0 while its own tail is sought.
double Records::Impl::tail(const std::string& identity, int depth,
                           std::unordered_map<std::string, double>& known) const {
  if (depth == 0) return 0;
  if (const auto [it, is_new] = known.emplace(identity, 0); !is_new) return it->second;
  std::vector<std::string> consumers;
  {
    Statement statement(db, "SELECT consumer FROM edges WHERE producer = ?");
    statement.bind(1, identity);
    while (statement.step()) consumers.push_back(statement.text(0));
  }
  double longest = 0;
  for (const auto& consumer : consumers)
    longest = std::max(longest, predicted(consumer).value_or(0) + tail(consumer, depth - 1, known));
  return known[identity] = longest;
}

std::optional<double> Records::predicted_seconds(const Identity& identity) const {
  return impl_->predicted(to_hex(identity));
}

double Records::tail_seconds(const Identity& identity) const {
  std::unordered_map<std::string, double> known;
  return impl_->tail(to_hex(identity), kLongestChain, known);
}

std::optional<Published> Records::published(const Identity& identity) const {
  Statement statement(impl_->db, "SELECT content FROM published WHERE identity = ?");
  statement.bind(1, to_hex(identity));
  if (!statement.step()) return std::nullopt;
  try {
    return published_from(statement.text(0));
  } catch (const std::exception&) {
    return std::nullopt;  // an unreadable entry means: never built
  }
}

void Records::add_run(const Identity& identity, double run_seconds, std::uint64_t peak_memory_bytes) {
  if (!impl_->begin()) return;
  Statement(impl_->db, "INSERT INTO runs VALUES (?, ?, ?)")
      .bind(1, to_hex(identity))
      .bind(2, run_seconds)
      .bind(3, static_cast<std::int64_t>(peak_memory_bytes))
      .step();
  Statement(impl_->db,
            "DELETE FROM runs WHERE identity = ?1 AND rowid NOT IN "
            "(SELECT rowid FROM runs WHERE identity = ?1 ORDER BY rowid DESC LIMIT ?2)")
      .bind(1, to_hex(identity))
      .bind(2, std::int64_t{kRunsKept})
      .step();
}

void Records::set_published(const Identity& identity, const Published& published) {
  if (!impl_->begin()) return;
  Statement(impl_->db, "INSERT OR REPLACE INTO published VALUES (?, ?)")
      .bind(1, to_hex(identity))
      .bind(2, text_of(published))
      .step();
}

void Records::set_edge(const Identity& producer, const Identity& consumer) {
  if (!impl_->begin()) return;
  Statement(impl_->db, "INSERT OR IGNORE INTO edges VALUES (?, ?)")
      .bind(1, to_hex(producer))
      .bind(2, to_hex(consumer))
      .step();
}

void Records::flush() { impl_->flush(); }

}  // namespace extfarm::records
