#include "coordinator/shell/graph_snapshot.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/model/environment.h"
#include "coordinator/shell/new_file.h"

namespace extfarm {
namespace {

constexpr std::string_view kFormat = "extfarm graph 2";
constexpr std::size_t kSmallestStep = 48;  // bytes in a list of steps

void put(ByteWriter& out, const std::vector<std::string>& words) {
  out.number(words.size());
  for (const auto& word : words) out.text(word);
}
std::vector<std::string> words_from(ByteReader& in) {
  std::vector<std::string> out(in.count(1));
  for (auto& word : out) word = in.text();
  return out;
}

void put_step(ByteWriter& out, const GraphStep& step) {
  out.digest(step.identity);
  out.digest(step.fingerprint);
  out.number(static_cast<std::uint64_t>(step.kind));
  out.number((step.state == StepState::kUnwanted ? 1u : 0u) | (step.stays_local ? 2u : 0u) |
             (step.includes_by_option ? 4u : 0u) | (step.is_default ? 8u : 0u));
  out.number(step.place.number);
  out.number(step.place.line);
  out.number(step.place.offset);
  out.text(step.labels().id);
  out.text(step.labels().group);
  out.text(step.labels().local_reason);
  put(out, step.inputs);
  put(out, step.outputs);
  out.ascending(step.before);
  out.ascending(step.watched);
}

GraphStep step_from(ByteReader& in) {
  GraphStep out;
  out.identity = in.digest();
  out.fingerprint = in.digest();
  out.kind = static_cast<ActionKind>(in.number());
  const auto flags = in.number();
  out.state = (flags & 1) != 0 ? StepState::kUnwanted : StepState::kWaiting;
  out.stays_local = (flags & 2) != 0;
  out.includes_by_option = (flags & 4) != 0;
  out.is_default = (flags & 8) != 0;
  out.place.number = in.number();
  out.place.line = in.number();
  out.place.offset = in.number();
  StepLabels labels;
  labels.id = in.text();
  labels.group = in.text();
  labels.local_reason = in.text();
  out.set_labels(std::move(labels));
  out.inputs = words_from(in);
  out.outputs = words_from(in);
  out.before = in.ascending();
  out.watched = in.ascending();
  return out;
}

std::string digest_as_bytes(const Digest& digest) {
  ByteWriter out;
  out.digest(digest);
  return out.take();
}

// A reader behind the digest; nullopt when it is not these bytes'.
std::optional<ByteReader> behind_digest(const std::string& bytes, Digest& digest) {
  constexpr std::size_t kSize = sizeof Digest::bytes;
  if (bytes.size() < kSize) return std::nullopt;
  digest = ByteReader(bytes).digest();
  const auto rest = std::string_view(bytes).substr(kSize);
  if (digest_of(rest) != digest) return std::nullopt;
  return ByteReader(rest);
}

std::string from_here(const std::string& path) { return absolute_path(path, std::filesystem::current_path().string()); }

void add_place(Hasher& hasher, const std::string& path) {
  const auto stamp = PosixFilesystem().stat(path).value_or(FileStamp{});
  hasher.add_field(path);
  hasher.add_field(std::to_string(stamp.device) + " " + std::to_string(stamp.inode));
}

}  // namespace

std::optional<Digest> GraphSnapshot::key_of(const RunOptions& options, const manifest::Environment& environment) {
  std::error_code unknown;
  const PosixFilesystem files;
  const auto program = files.stat("/proc/self/exe");
  if (!program || !std::filesystem::is_regular_file(options.graph_file, unknown)) return std::nullopt;
  const auto graph = files.read(options.graph_file);
  if (!graph) return std::nullopt;
  Hasher hasher;
  hasher.add_field(kFormat);
  hasher.add_field(std::to_string(program->inode) + " " + std::to_string(program->mtime_ns) + " " +
                   std::to_string(program->size_bytes));
  hasher.add_field(options.is_compilation_database ? "compilation database" : "manifest");
  hasher.add_field(from_here(options.graph_file));
  hasher.add_field(to_hex(digest_of(*graph)));
  add_place(hasher, options.project_root);
  for (const auto& [name, value] : environment_that_matters(environment)) {
    hasher.add_field(name);
    if (name == "PWD")
      add_place(hasher, value);
    else
      hasher.add_field(value);
  }
  return hasher.finish();
}

GraphSnapshot::GraphSnapshot(BuildTree& tree, const std::string& graph_file, const Digest& key)
    : tree_(tree), path_(tree.state + "/graph-" + to_hex(digest_of(from_here(graph_file))).substr(0, 8)), key_(key) {}

bool GraphSnapshot::open(ActionIntake& intake) {
  const auto bytes = tree_.filesystem.read(path_);
  if (!bytes) return false;
  bytes_ = std::move(*bytes);
  auto in = behind_digest(bytes_, own_);
  if (!in || in->digest() != key_) return false;
  const auto state = static_cast<std::int64_t>(in->number());
  if (!read_since() && state != tree_.records->results_state()) return false;
  fresh_ = in->digest();
  wanted_ = in->number();
  ActionIntake::FoundTools tools(in->count(17));
  for (auto& [question, found] : tools) {
    question = in->text();
    found = in->digest();
  }
  if (!intake.still_finds(tools)) return false;
  changes_ = freshness::WatchList::from(*in).look(tree_.filesystem);
  steps_ = in;
  return !changes_.has_changed_folders;
}

// Whether the results are those of the builds that it tells of.
bool GraphSnapshot::read_since() {
  const auto bytes = tree_.filesystem.read(path_ + "-since");
  if (!bytes) return false;
  Digest digest;
  auto in = behind_digest(*bytes, digest);
  if (!in || in->digest() != own_) return false;
  const auto state = static_cast<std::int64_t>(in->number());
  since_ = in->ascending();
  if (in->is_done() && state == tree_.records->results_state()) return true;
  since_.clear();
  return false;
}

bool GraphSnapshot::recall(StepGraph& graph, const manifest::Environment& environment) {
  ByteReader in = *steps_;
  std::vector<GraphStep> steps(in.count(kSmallestStep));
  std::vector<bool> is_touched(steps.size());
  std::size_t touched = 0;
  for (const auto at : since_) {
    if (at < steps.size()) is_touched[at] = true;
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i] = step_from(in);
    const auto& watched = steps[i].watched;
    if (std::any_of(watched.begin(), watched.end(), [&](std::uint32_t number) {
          return number >= changes_.files.size() || changes_.files[number];
        }))
      is_touched[i] = true;
    if (watched.empty()) is_touched[i] = true;  // files do not show all that it rests upon
    touched += is_touched[i];
  }
  std::vector<std::uint32_t> order(in.count(1));
  for (auto& at : order) at = static_cast<std::uint32_t>(in.number());
  if (!in.is_done() || order.size() != steps.size()) return false;
  // To judge a few is cheap; to judge most of them at each build costs more than to begin anew once.
  if (touched > 16 && touched > steps.size() / 8) return false;
  return graph.restore(std::move(steps), std::move(order), std::move(is_touched), environment).has_value();
}

void GraphSnapshot::save(const StepGraph& graph) {
  // Without it the next build reads and judges the graph again.
  (void)write_new_file(path_, [&](std::ostream& file) {
    file << digest_as_bytes(Digest{});
    ByteWriter out;
    Hasher hasher;
    put(out, graph, [&](std::size_t least) {
      if (out.size() < least) return;
      const auto piece = out.take();
      hasher.add(piece);
      file << piece;
    });
    file.seekp(0);
    file << digest_as_bytes(hasher.finish());
    return Result<void>{};
  });
}

// `take_out`: writes what `out` has, when it is that many bytes.
void GraphSnapshot::put(ByteWriter& out, const StepGraph& graph, const std::function<void(std::size_t)>& take_out) const {
  constexpr std::size_t kPiece = 1 << 16;
  out.digest(key_);
  out.number(static_cast<std::uint64_t>(tree_.records->results_state()));
  std::vector<Digest> wanted;
  for (const auto at : graph.order()) {
    if (graph.steps()[at].state != StepState::kUnwanted) wanted.push_back(graph.steps()[at].identity);
  }
  out.digest(records::Records::digest_of_fresh(wanted));
  out.number(wanted.size());
  out.number(graph.tools().size());
  for (const auto& [question, found] : graph.tools()) {
    out.text(question);
    out.digest(found);
  }
  graph.watch_list().put_into(out, [&] { take_out(kPiece); });
  out.number(graph.steps().size());
  for (const auto& step : graph.steps()) {
    put_step(out, step);
    take_out(kPiece);
  }
  out.number(graph.order().size());
  for (const auto at : graph.order()) out.number(at);
  take_out(0);
}

void GraphSnapshot::save_since(const std::vector<std::uint32_t>& asked) {
  since_.insert(since_.end(), asked.begin(), asked.end());
  std::sort(since_.begin(), since_.end());
  since_.erase(std::unique(since_.begin(), since_.end()), since_.end());
  ByteWriter out;
  out.digest(own_);
  out.number(static_cast<std::uint64_t>(tree_.records->results_state()));
  out.ascending(since_);
  const auto bytes = out.take();
  (void)tree_.filesystem.write_atomically(path_ + "-since", digest_as_bytes(digest_of(bytes)) + bytes, 0644);
}

}  // namespace extfarm
