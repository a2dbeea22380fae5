// What earlier builds taught: durations, edges between actions, results,
// verdicts.  Results are bytes here; coordinator/freshness knows what they say.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "coordinator/records/database.h"

namespace extfarm::records {

// A stable name for an action across builds: hash of its kind, cwd and main output.
using Identity = Digest;

struct Run {
  double run_seconds = 0;  // as a host of speed 1 would have taken
  std::uint64_t peak_memory_bytes = 0;
  std::string host;  // empty where an earlier extfarm did not say
};

struct LastVerdict {
  std::int64_t build = 0;  // the build in which it ran
  std::string reason;
  bool is_restored = false;  // it did not run: an earlier result was put in place
};

class Records {
 public:
  // A damaged file is set aside beside it (".damaged-N") and `warning()` says
  // so.  Errors: kIo; kNotFound (only when read only).
  static Result<std::unique_ptr<Records>> open(const std::string& path,
                                               Database::Access = Database::Access::kReadWrite);

  const std::string& warning() const { return database_->warning(); }
  // Median of the last runs (at most 9); nullopt when never run.
  std::optional<double> predicted_seconds(const Identity&) const;
  // Longest remembered chain of predicted seconds behind it; 0 when unknown.
  double tail_seconds(const Identity&) const;
  // The largest of the last runs; 0 when never run.
  std::uint64_t peak_memory_bytes(const Identity&) const;
  void add_run(const Identity&, double run_seconds, std::uint64_t peak_memory_bytes, const std::string& host = {});
  // The last runs (at most 9), the oldest first.
  std::vector<Run> runs(const Identity&) const;
  // How fast a host is among those it built with; median of the last builds.
  std::optional<double> host_speed(const std::string& host) const;
  void add_host_speed(const std::string& host, double speed);
  // Those whose speed is known, by name.
  std::vector<std::string> hosts() const;
  void set_edge(const Identity& producer, const Identity& consumer);

  using Each = std::function<void(std::uint32_t id, std::string path, std::string_view content)>;
  void for_each_file(const Each&) const;
  void for_each_search(const Each&) const;  // path is empty
  void set_file(std::uint32_t id, const std::string& path, std::string_view content);
  void set_search(std::uint32_t id, std::string_view content);
  std::optional<std::string> published(const Identity&) const;
  void set_published(const Identity&, std::string_view content);
  void forget_published(const Identity&);
  // The action as submitted, found again by any of its names: an output, a source, a group.
  std::optional<std::string> command(const Identity&) const;
  void set_command(const Identity&, std::string_view content, const std::vector<std::string>& names);
  std::vector<Identity> identities_named(const std::string& name) const;
  std::vector<Identity> identities() const;
  std::optional<std::string> toolchain(const Digest&) const;
  void set_toolchain(const Digest&, std::string_view content);

  std::int64_t begin_build();  // its number
  std::int64_t last_build() const;
  void set_verdict(const Identity&, const LastVerdict&);
  std::optional<LastVerdict> verdict(const Identity&) const;
  void set_fresh(std::int64_t build, const std::vector<Identity>&);  // what was up to date in it
  bool was_fresh(std::int64_t build, const Identity&) const;

  // A number that no other state of the published results has; 0: nothing was published yet.
  std::int64_t results_state() const;
  // What set_fresh() had for the last build; zeros when there was none.
  Digest last_fresh() const;
  static Digest digest_of_fresh(const std::vector<Identity>&);

  // Writes of one loop turn go in one transaction.
  void flush();

 private:
  explicit Records(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  double tail(const std::string& identity, int depth, std::unordered_map<std::string, double>& known) const;
  std::optional<double> predicted(const std::string& identity) const;
  std::optional<std::string> one(const char* sql, const Digest& key) const;

  std::unique_ptr<Database> database_;
  bool has_new_results_ = false;
};

}  // namespace extfarm::records
