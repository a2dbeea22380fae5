// The only file that sees SQLite.
#include "coordinator/records/records.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/model/byte_strings.h"

namespace extfarm::records {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kSchemaVersion = 1;
constexpr int kRunsKept = 9;
constexpr const char* kSchema = R"(
CREATE TABLE runs (identity TEXT NOT NULL, run_seconds REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL);
CREATE INDEX runs_by_identity ON runs (identity);
CREATE TABLE edges (producer TEXT NOT NULL, consumer TEXT NOT NULL, PRIMARY KEY (producer, consumer)) WITHOUT ROWID;
CREATE TABLE published (identity TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

// One prepared statement for one use.
class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
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
  bool step() { return statement_ != nullptr && sqlite3_step(statement_) == SQLITE_ROW; }
  std::string text(int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr ? "" : bytes;
  }
  double number(int column) { return sqlite3_column_double(statement_, column); }

 private:
  sqlite3_stmt* statement_ = nullptr;
};

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
    return digest_from_hex(hex.get<std::string>()).value_or(Digest{});
  };
  Published out;
  out.fingerprint_of_command = digest(object.at("command"));
  for (const auto& input : object.at("inputs"))
    out.inputs.push_back({bytes_from(input.at(0)), digest(input.at(1))});
  for (const auto& output : object.at("outputs")) {
    out.outputs.push_back({bytes_from(output.at(0)), static_cast<OutputKind>(output.at(1).get<int>()),
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
  std::string warning;
  bool in_transaction = false;

  ~Impl() {
    if (db != nullptr) sqlite3_close(db);
  }
  void run(const char* sql) { sqlite3_exec(db, sql, nullptr, nullptr, nullptr); }
  void begin() {
    if (!in_transaction) run("BEGIN");
    in_transaction = true;
  }
  // False when the file is no database of ours.
  bool open(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db) != SQLITE_OK) return false;
    sqlite3_busy_timeout(db, 5000);
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = NORMAL");
    int version = -1;
    {
      Statement statement(db, "PRAGMA user_version");
      if (statement.step()) version = static_cast<int>(statement.number(0));
    }
    if (version == 0) return sqlite3_exec(db, kSchema, nullptr, nullptr, nullptr) == SQLITE_OK;
    return version == kSchemaVersion;
  }
  double tail(const std::string& identity, int depth) const;
  std::optional<double> predicted(const std::string& identity) const;
};

Records::Records() : impl_(std::make_unique<Impl>()) {}
Records::~Records() { flush(); }

Result<std::unique_ptr<Records>> Records::open(const std::string& path) {
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  std::unique_ptr<Records> records(new Records);
  if (records->impl_->open(path)) return records;
  std::string aside;
  for (int n = 1; fs::exists(aside = path + ".damaged-" + std::to_string(n)); ++n) {
  }
  if (!fs::exists(path)) return failure(ErrorCode::kIo, "cannot write " + path + "; is its folder writable?");
  records.reset(new Records);
  fs::rename(path, aside, ignored);
  for (const char* suffix : {"-wal", "-shm"}) fs::remove(path + suffix, ignored);
  if (ignored || !records->impl_->open(path))
    return failure(ErrorCode::kIo, "cannot write " + path + "; is its folder writable?");
  records->impl_->warning = "the records in " + path +
                            " were damaged or of another version; they were set aside as " + aside +
                            " and start anew";
  return records;
}

const std::string& Records::warning() const { return impl_->warning; }

std::optional<double> Records::Impl::predicted(const std::string& identity) const {
  Statement statement(db, "SELECT run_seconds FROM runs WHERE identity = ? ORDER BY run_seconds");
  statement.bind(1, identity);
  std::vector<double> runs;
  while (statement.step()) runs.push_back(statement.number(0));
  if (runs.empty()) return std::nullopt;
  return runs[runs.size() / 2];
}

double Records::Impl::tail(const std::string& identity, int depth) const {
  if (depth == 0) return 0;
  Statement statement(db, "SELECT consumer FROM edges WHERE producer = ?");
  statement.bind(1, identity);
  double longest = 0;
  while (statement.step()) {
    const auto consumer = statement.text(0);
    longest = std::max(longest, predicted(consumer).value_or(0) + tail(consumer, depth - 1));
  }
  return longest;
}

std::optional<double> Records::predicted_seconds(const Identity& identity) const {
  return impl_->predicted(to_hex(identity));
}

// Deeper chains than this are as long as makes no difference; it also ends a cycle.
double Records::tail_seconds(const Identity& identity) const { return impl_->tail(to_hex(identity), 4); }

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
  impl_->begin();
  Statement(impl_->db, "INSERT INTO runs VALUES (?, ?, ?)")
      .bind(1, to_hex(identity))
      .bind(2, run_seconds)
      .bind(3, static_cast<double>(peak_memory_bytes))
      .step();
  Statement(impl_->db,
            "DELETE FROM runs WHERE identity = ?1 AND rowid NOT IN "
            "(SELECT rowid FROM runs WHERE identity = ?1 ORDER BY rowid DESC LIMIT ?2)")
      .bind(1, to_hex(identity))
      .bind(2, static_cast<double>(kRunsKept))
      .step();
}

void Records::set_published(const Identity& identity, const Published& published) {
  impl_->begin();
  Statement(impl_->db, "INSERT OR REPLACE INTO published VALUES (?, ?)")
      .bind(1, to_hex(identity))
      .bind(2, text_of(published))
      .step();
}

void Records::set_edge(const Identity& producer, const Identity& consumer) {
  impl_->begin();
  Statement(impl_->db, "INSERT OR IGNORE INTO edges VALUES (?, ?)")
      .bind(1, to_hex(producer))
      .bind(2, to_hex(consumer))
      .step();
}

void Records::flush() {
  if (impl_->in_transaction) impl_->run("COMMIT");
  impl_->in_transaction = false;
}

}  // namespace extfarm::records
