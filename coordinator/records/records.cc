// Losing a write costs a rebuild or a worse prediction, never a wrong file: what
// is recorded is compared with the files by digest.  So a write never waits long.
#include "coordinator/records/records.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

namespace extfarm::records {
namespace {

constexpr std::int64_t kRunsKept = 9;
constexpr int kLongestChain = 64;  // deeper ones are as long as makes no difference

// A host's speeds are kept among the runs: the same median of the last few.
Identity identity_of_host(const std::string& host) {
  Hasher hasher;
  hasher.add_field("speed of a host");
  hasher.add_field(host);
  return hasher.finish();
}

std::string joined(const std::vector<Identity>& identities) {
  std::string all;
  for (const auto& identity : identities)
    all.append(reinterpret_cast<const char*>(identity.bytes.data()), identity.bytes.size());
  return all;
}

std::vector<Identity> identities_from(Query& query) {
  std::vector<Identity> out;
  while (query.step()) {
    if (const auto identity = digest_from_hex(query.bytes(0))) out.push_back(*identity);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Records>> Records::open(const std::string& path, Database::Access access) {
  auto database = Database::open(path, access);
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<Records>(new Records(std::move(*database)));
}

std::optional<double> Records::predicted(const std::string& identity) const {
  auto query = database_->query("SELECT run_seconds FROM runs WHERE identity = ? ORDER BY run_seconds");
  query.bind(identity);
  std::vector<double> runs;
  while (query.step()) runs.push_back(query.number(0));
  if (runs.empty()) return std::nullopt;
  return (runs[(runs.size() - 1) / 2] + runs[runs.size() / 2]) / 2;
}

// `known` also ends circles: an identity counts as 0 while its own tail is sought.
double Records::tail(const std::string& identity, int depth, std::unordered_map<std::string, double>& known) const {
  if (depth == 0) return 0;
  if (const auto [it, is_new] = known.emplace(identity, 0); !is_new) return it->second;
  std::vector<std::string> consumers;
  {
    auto query = database_->query("SELECT consumer FROM edges WHERE producer = ?");
    query.bind(identity);
    while (query.step()) consumers.push_back(query.bytes(0));
  }
  double longest = 0;
  for (const auto& consumer : consumers)
    longest = std::max(longest, predicted(consumer).value_or(0) + tail(consumer, depth - 1, known));
  return known[identity] = longest;
}

std::optional<double> Records::predicted_seconds(const Identity& identity) const {
  return predicted(to_hex(identity));
}

std::uint64_t Records::peak_memory_bytes(const Identity& identity) const {
  auto query = database_->query("SELECT max(peak_memory_bytes) FROM runs WHERE identity = ?");
  query.bind(to_hex(identity));
  return query.step() ? static_cast<std::uint64_t>(query.integer(0)) : 0;
}

std::optional<double> Records::host_speed(const std::string& host) const {
  return predicted(to_hex(identity_of_host(host)));
}

void Records::add_host_speed(const std::string& host, double speed) {
  add_run(identity_of_host(host), speed, 0, host);
}

std::vector<std::string> Records::hosts() const {
  auto query = database_->query("SELECT DISTINCT host FROM runs WHERE host != '' ORDER BY host");
  std::vector<std::string> out;
  while (query.step()) {
    if (auto host = query.bytes(0); host_speed(host)) out.push_back(std::move(host));
  }
  return out;
}

std::vector<Run> Records::runs(const Identity& identity) const {
  auto query = database_->query("SELECT run_seconds, peak_memory_bytes, host FROM runs WHERE identity = ? ORDER BY rowid");
  query.bind(to_hex(identity));
  std::vector<Run> out;
  while (query.step())
    out.push_back({query.number(0), static_cast<std::uint64_t>(query.integer(1)), query.bytes(2)});
  return out;
}

double Records::tail_seconds(const Identity& identity) const {
  std::unordered_map<std::string, double> known;
  return tail(to_hex(identity), kLongestChain, known);
}

void Records::add_run(const Identity& identity, double run_seconds, std::uint64_t peak_memory_bytes,
                      const std::string& host) {
  if (!database_->begin()) return;
  const auto name = to_hex(identity);
  database_->query("INSERT INTO runs VALUES (?, ?, ?, ?)")
      .bind(name)
      .bind(run_seconds)
      .bind(static_cast<std::int64_t>(peak_memory_bytes))
      .bind(host)
      .step();
  database_
      ->query(
          "DELETE FROM runs WHERE identity = ?1 AND rowid NOT IN "
          "(SELECT rowid FROM runs WHERE identity = ?1 ORDER BY rowid DESC LIMIT ?2)")
      .bind(name)
      .bind(kRunsKept)
      .step();
}

void Records::set_edge(const Identity& producer, const Identity& consumer) {
  if (!database_->begin()) return;
  database_->query("INSERT OR IGNORE INTO edges VALUES (?, ?)").bind(to_hex(producer)).bind(to_hex(consumer)).step();
}

void Records::for_each_file(const Each& each) const {
  auto query = database_->query("SELECT id, path, content FROM files");
  while (query.step()) each(static_cast<std::uint32_t>(query.integer(0)), query.bytes(1), query.bytes(2));
}

void Records::for_each_search(const Each& each) const {
  auto query = database_->query("SELECT id, content FROM searches");
  while (query.step()) each(static_cast<std::uint32_t>(query.integer(0)), {}, query.bytes(1));
}

void Records::set_file(std::uint32_t id, const std::string& path, std::string_view content) {
  if (!database_->begin()) return;
  database_->query("INSERT OR REPLACE INTO files VALUES (?, ?, ?)")
      .bind(std::int64_t{id})
      .bind(path)
      .bind(content)
      .step();
}

void Records::set_search(std::uint32_t id, std::string_view content) {
  if (!database_->begin()) return;
  database_->query("INSERT OR REPLACE INTO searches VALUES (?, ?)").bind(std::int64_t{id}).bind(content).step();
}

std::optional<std::string> Records::one(const char* sql, const Digest& key) const {
  auto query = database_->query(sql);
  query.bind(to_hex(key));
  if (!query.step()) return std::nullopt;
  return query.bytes(0);
}

std::optional<std::string> Records::published(const Identity& identity) const {
  return one("SELECT content FROM published WHERE identity = ?", identity);
}

void Records::set_published(const Identity& identity, std::string_view content) {
  if (!database_->begin()) return;
  has_new_results_ = true;
  database_->query("INSERT OR REPLACE INTO published VALUES (?, ?)").bind(to_hex(identity)).bind(content).step();
}

void Records::forget_published(const Identity& identity) {
  if (!database_->begin()) return;
  has_new_results_ = true;
  database_->query("DELETE FROM published WHERE identity = ?").bind(to_hex(identity)).step();
}

std::optional<std::string> Records::command(const Identity& identity) const {
  return one("SELECT content FROM commands WHERE identity = ?", identity);
}

void Records::set_command(const Identity& identity, std::string_view content, const std::vector<std::string>& names) {
  if (!database_->begin()) return;
  const auto id = to_hex(identity);
  database_->query("INSERT OR REPLACE INTO commands VALUES (?, ?)").bind(id).bind(content).step();
  for (const auto& name : names)
    database_->query("INSERT OR IGNORE INTO names VALUES (?, ?)").bind(name).bind(id).step();
}

std::vector<Identity> Records::identities_named(const std::string& name) const {
  auto query = database_->query("SELECT identity FROM names WHERE name = ?");
  query.bind(name);
  return identities_from(query);
}

std::vector<Identity> Records::identities() const {
  auto query = database_->query("SELECT identity FROM commands");
  return identities_from(query);
}

std::optional<std::string> Records::toolchain(const Digest& digest) const {
  return one("SELECT content FROM toolchains WHERE digest = ?", digest);
}

void Records::set_toolchain(const Digest& digest, std::string_view content) {
  if (!database_->begin()) return;
  database_->query("INSERT OR REPLACE INTO toolchains VALUES (?, ?)").bind(to_hex(digest)).bind(content).step();
}

std::int64_t Records::begin_build() {
  const auto next = last_build() + 1;
  if (!database_->begin()) return next;
  database_->query("DELETE FROM builds").step();
  database_->query("INSERT INTO builds VALUES (?, '')").bind(next).step();
  return next;
}

std::int64_t Records::last_build() const {
  auto query = database_->query("SELECT max(id) FROM builds");
  return query.step() ? query.integer(0) : 0;
}

void Records::set_verdict(const Identity& identity, const LastVerdict& verdict) {
  if (!database_->begin()) return;
  database_->query("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?)")
      .bind(to_hex(identity))
      .bind(verdict.build)
      .bind(verdict.reason)
      .bind(std::int64_t{verdict.is_restored})
      .step();
}

std::optional<LastVerdict> Records::verdict(const Identity& identity) const {
  auto query = database_->query("SELECT build, reason, is_restored FROM verdicts WHERE identity = ?");
  query.bind(to_hex(identity));
  if (!query.step()) return std::nullopt;
  return LastVerdict{query.integer(0), query.bytes(1), query.integer(2) != 0};
}

std::int64_t Records::results_state() const {
  auto query = database_->query("SELECT state FROM results");
  return query.step() ? query.integer(0) : 0;
}

void Records::flush() {
  if (std::exchange(has_new_results_, false) && database_->begin()) {
    std::random_device random;
    const auto state = static_cast<std::int64_t>((static_cast<std::uint64_t>(random()) << 32 | random()) >> 1) + 1;
    database_->query("DELETE FROM results").step();
    database_->query("INSERT INTO results VALUES (?)").bind(state).step();
  }
  database_->flush();
}

Digest Records::last_fresh() const {
  auto query = database_->query("SELECT fresh FROM builds ORDER BY id DESC LIMIT 1");
  return query.step() ? digest_of(query.bytes(0)) : Digest{};
}

Digest Records::digest_of_fresh(const std::vector<Identity>& identities) { return digest_of(joined(identities)); }

void Records::set_fresh(std::int64_t build, const std::vector<Identity>& identities) {
  if (!database_->begin()) return;
  database_->query("INSERT OR REPLACE INTO builds VALUES (?, ?)").bind(build).bind(joined(identities)).step();
}

bool Records::was_fresh(std::int64_t build, const Identity& identity) const {
  auto query = database_->query("SELECT fresh FROM builds WHERE id = ?");
  query.bind(build);
  if (!query.step()) return false;
  const auto all = query.bytes(0);
  constexpr std::size_t kSize = sizeof identity.bytes;
  for (std::size_t at = 0; at + kSize <= all.size(); at += kSize) {
    if (std::memcmp(all.data() + at, identity.bytes.data(), kSize) == 0) return true;
  }
  return false;
}

}  // namespace extfarm::records
