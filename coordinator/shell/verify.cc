#include "coordinator/shell/verify.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/process/process_runner.h"
#include "common/process/process_tree.h"
#include "coordinator/shell/build_session.h"
#include "coordinator/shell/end_signals.h"
#include "coordinator/shell/run_build.h"
#include "coordinator/shell/verify_scratch.h"
#include "coordinator/verification/findings.h"
#include "coordinator/verification/private_place.h"

extern char** environ;

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using verification::BuiltTree;
using verification::Finding;
using verification::Period;

// extfarm's own state is no part of what a build makes.
const std::set<std::string> kLeftOut = {".extfarm"};
constexpr Duration kGraceForBuildTool = std::chrono::seconds(2);  // a build tool removes its half-made files

struct Ended {
  int exit_code = 0;
  bool was_interrupted = false;
  Period period;
  double seconds = 0;
};

std::vector<std::pair<std::string, std::string>> environment_without_farm() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos && !text.starts_with("EXTFARM_"))
      out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  out.emplace_back("EXTFARM_DISABLE", "1");  // for a build that names extfarm-cc
  return out;
}

double seconds_since(Timestamp began) { return seconds(MonotonicClock().now() - began); }

// Runs the command where `places` are.  Its output is the caller's.
Result<Ended> run_plain(const VerifyOptions& options, const std::vector<std::pair<std::string, std::string>>& places,
                        EndSignals& signals) {
  const verification::PrivatePlace place(places);
  ProcessRequest request;
  request.program = find_program(options.run.command[0]);
  if (request.program.empty()) return failure(ErrorCode::kNotFound, options.run.command[0] + ": command not found");
  request.argv = options.run.command;
  request.environment = environment_without_farm();
  request.cwd = options.run.project_root;
  request.capture_output = false;
  request.own_group = false;
  request.dies_with_parent = true;
  request.before_exec = [&place] { return place.enter(); };
  ProcessRunner runner;
  Ended out;
  const auto began = MonotonicClock().now();
  out.period.began = std::time(nullptr);
  const auto started = runner.start(request);
  if (!started) return tl::unexpected(started.error());
  for (std::optional<ProcessExit> exit; !exit;) {
    pollfd waiting[] = {{runner.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    const auto deadline = runner.next_deadline_in();
    ::poll(waiting, 2, deadline ? static_cast<int>(seconds(*deadline) * 1000) + 1 : -1);
    for (auto& ended : runner.take_exits()) exit = std::move(ended);  // before the signals, see BuildSession::turn
    while (const auto signal = signals.take()) {
      if (const auto pid = runner.pid(*started)) {  // the terminal may have told them already
        for (const int below : descendants_of(*pid)) ::kill(below, *signal);
        ::kill(*pid, *signal);
      }
      if (!out.was_interrupted) runner.stop(*started, kGraceForBuildTool);
      out.was_interrupted = true;
      out.exit_code = 128 + *signal;
    }
    if (exit && !out.was_interrupted) out.exit_code = exit->signal != 0 ? 128 + exit->signal : exit->exit_code;
  }
  out.period.ended = std::time(nullptr);
  out.seconds = seconds_since(began);
  return out;
}

class Verification {
 public:
  Verification(const VerifyOptions& options, VerifyScratch& scratch) : options_(options), scratch_(scratch) {}
  int run();

 private:
  Result<void> copy_trees();
  Result<int> build_plain();
  Result<int> build_on_farm();
  Result<void> compare();
  Result<void> ask_second_plain();
  std::vector<std::pair<std::string, std::string>> places(const char* name) const;
  std::string copy_of(std::size_t tree, const char* name) const {
    return scratch_.path() + "/" + name + std::to_string(tree);
  }

  const VerifyOptions& options_;
  VerifyScratch& scratch_;
  EndSignals signals_;
  std::vector<BuiltTree> trees_;
  Ended plain_, farmed_;
  std::vector<Finding> findings_;
  verification::Figures figures_;
};

// "plain" is built in; "again" stays as it is, for a second plain build.
Result<void> Verification::copy_trees() {
  std::vector<std::string> folders{options_.run.project_root};
  folders.insert(folders.end(), options_.also.begin(), options_.also.end());
  for (auto& folder : folders) {
    std::error_code failed;
    folder = fs::canonical(folder, failed).string();
    if (failed) return failure(ErrorCode::kNotFound, "the folder " + folder + " is not there: " + failed.message());
  }
  for (const auto& folder : folders) {
    const bool is_inside = std::any_of(folders.begin(), folders.end(), [&](const std::string& other) {
      return folder != other && (folder + "/").starts_with(other + "/");
    });
    if (is_inside) continue;
    if ((scratch_.path() + "/").starts_with(folder + "/"))
      return failure(ErrorCode::kInvalid, "the copy of " + folder + " would lie in it; name a place outside with --scratch");
    const std::size_t number = trees_.size();
    trees_.push_back({folder, copy_of(number, "plain"), folder, {}, {}, {}});
    for (const char* name : {"plain", "again"}) {
      if (auto copied = verification::copy_tree(folder, copy_of(number, name), kLeftOut); !copied) return copied;
    }
    auto before = verification::list_tree(copy_of(number, "again"), kLeftOut);
    if (!before) return tl::unexpected(before.error());
    trees_.back().before = std::move(*before);
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> Verification::places(const char* name) const {
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < trees_.size(); ++i) out.emplace_back(trees_[i].path, copy_of(i, name));
  return out;
}

Result<int> Verification::build_plain() {
  const auto ended = run_plain(options_, places("plain"), signals_);
  if (!ended) return tl::unexpected(ended.error());
  plain_ = *ended;
  figures_.plain_seconds = plain_.seconds;
  return plain_.exit_code;
}

Result<int> Verification::build_on_farm() {
  auto options = options_.run;
  options.force = true;  // what an earlier build left, here or in the store, proves nothing of this one
  options.use_store = false;
  const auto began = MonotonicClock().now();
  farmed_.period.began = std::time(nullptr);
  farmed_.exit_code = run_build(options);
  farmed_.period.ended = std::time(nullptr);
  figures_.farmed_seconds = farmed_.seconds = seconds_since(began);
  return farmed_.exit_code;
}

Result<void> Verification::compare() {
  for (auto& tree : trees_) {
    auto plain = verification::list_tree(tree.plain_top, kLeftOut), farmed = verification::list_tree(tree.path, kLeftOut);
    if (!plain) return tl::unexpected(plain.error());
    if (!farmed) return tl::unexpected(farmed.error());
    tree.plain = std::move(*plain);
    tree.farmed = std::move(*farmed);
    const auto by_plain = written_between(tree.before, tree.plain), by_farm = written_between(tree.before, tree.farmed);
    figures_.plain_written += by_plain.size();
    figures_.farmed_written += by_farm.size();
    auto found = verification::find_differences(tree, plain_.period, farmed_.period);
    if (!found) return tl::unexpected(found.error());
    std::set<std::string> alike = by_farm;
    alike.insert(by_plain.begin(), by_plain.end());
    for (const auto& finding : *found) alike.erase(finding.difference.path);
    figures_.identical += alike.size();
    findings_.insert(findings_.end(), found->begin(), found->end());
  }
  return {};
}

Result<void> Verification::ask_second_plain() {
  std::fprintf(stderr, "extfarm: something differs; a second plain build tells whether it always does\n");
  const auto second = run_plain(options_, places("again"), signals_);
  if (!second) return tl::unexpected(second.error());
  if (second->was_interrupted) return failure(ErrorCode::kUnavailable, "the second plain build was interrupted");
  figures_.asked_second_plain = true;
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    const auto top = copy_of(i, "again");
    const auto listing = verification::list_tree(top, kLeftOut);
    if (!listing) return tl::unexpected(listing.error());
    if (auto asked = verification::ask_second_plain(findings_, trees_[i], plain_.period, top, *listing, second->period);
        !asked)
      return asked;
  }
  return {};
}

int Verification::run() {
  for (const auto& word : options_.run.command) figures_.command += (figures_.command.empty() ? "" : " ") + word;
  if (const auto copied = copy_trees(); !copied) return refuse(kExitRetry, copied.error().message);
  const auto plain = build_plain();
  if (!plain) return refuse(kExitRetry, plain.error().message);
  if (plain_.was_interrupted) return *plain;
  if (*plain != 0) return refuse(1, "the plain build failed too (exit code " + std::to_string(*plain) + "); nothing to compare");
  if (const auto signal = signals_.take()) return 128 + *signal;
  const auto farmed = build_on_farm();
  if (*farmed == kExitRetry || *farmed == kExitConfiguration || *farmed > 128) return *farmed;
  if (*farmed != 0)
    return refuse(1, "the farmed build failed (exit code " + std::to_string(*farmed) + "), the plain one did not");
  if (const auto compared = compare(); !compared) return refuse(kExitRetry, compared.error().message);
  if (verification::has_unknown(findings_)) {
    if (const auto asked = ask_second_plain(); !asked) return refuse(kExitRetry, asked.error().message);
  }
  const bool is_same = !verification::has_unknown(findings_) && figures_.plain_written + figures_.farmed_written > 0;
  std::fputs(verification::report(findings_, figures_).c_str(), stdout);
  if (!is_same || options_.keep) {
    scratch_.keep();
    for (const auto& tree : trees_)
      std::printf("The plain build of %s lies in %s until the next verification.\n", tree.path.c_str(), tree.plain_top.c_str());
  }
  std::fflush(stdout);
  return is_same ? 0 : 1;
}

}  // namespace

int verify(const VerifyOptions& options) {
  ::unsetenv("EXTFARM_SOCKET");
  ::unsetenv("EXTFARM_DISABLE");
  ::setenv("PYTHONHASHSEED", "0", 0);  // else the order of Python's sets differs by chance between two builds
  if (const auto possible = verification::PrivatePlace::probe(); !possible)
    return refuse(kExitConfiguration, possible.error().message);
  const char* temporary = std::getenv("TMPDIR");
  std::string parent = !options.scratch.empty() ? options.scratch : temporary != nullptr ? temporary : "/tmp";
  std::error_code failed;
  parent = fs::canonical(parent, failed).string();
  if (failed) return refuse(2, "the folder for copies is not there: " + failed.message() + "; name one with --scratch");
  auto scratch = VerifyScratch::open(parent, options.run.project_root);
  if (!scratch) return refuse(kExitRetry, scratch.error().message);
  return Verification(options, **scratch).run();
}

}  // namespace extfarm
