// A whole graph as its last builds left it: a build in which nothing changed
// neither reads the graph nor judges it, and one in which little changed judges
// little.  It is believed only for the same graph, environment, tools and
// extfarm, and while nobody else has recorded results.
//
//   .extfarm/graph-<hash of its path>        the graph, once all of it was up to date, and the files that rests upon
//   .extfarm/graph-<hash of its path>-since  the steps that builds have asked for since then
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/freshness/watch_list.h"
#include "coordinator/shell/build_tree.h"
#include "coordinator/shell/options.h"
#include "coordinator/shell/step_graph.h"

namespace extfarm {

class GraphSnapshot {
 public:
  // nullopt for what cannot be read twice: a pipe, standard input.
  static std::optional<Digest> key_of(const RunOptions&, const manifest::Environment&);

  GraphSnapshot(BuildTree& tree, const std::string& graph_file, const Digest& key);
  GraphSnapshot(const GraphSnapshot&) = delete;
  GraphSnapshot& operator=(const GraphSnapshot&) = delete;

  // Reads it and looks at every file.  False: there is none that can be believed.
  bool open(ActionIntake&);
  // After open(): no file has changed and nothing was built since.
  bool is_still() const { return !changes_.has_changed_files && since_.empty(); }
  bool has_changed_files() const { return changes_.has_changed_files; }
  std::uint64_t step_count() const { return wanted_; }
  const Digest& fresh() const { return fresh_; }  // Records::digest_of_fresh() of all wanted steps
  // After open(): the graph, with what has to be judged again marked.  False: nearly all of it would be,
  // or the graph's file cannot be read.
  bool recall(StepGraph&, const manifest::Environment& own_environment);

  // A graph of which all was found up to date.
  void save(const StepGraph&);
  // After a build of a recalled graph: the steps that it asked for.
  void save_since(const std::vector<std::uint32_t>& asked);

 private:
  bool read_since();
  void put(ByteWriter&, const StepGraph&, const std::function<void(std::size_t)>& take_out) const;

  BuildTree& tree_;
  std::string path_;
  Digest key_, own_, fresh_;
  std::string bytes_;
  std::optional<ByteReader> steps_;  // where in bytes_ they begin
  std::uint64_t wanted_ = 0;
  freshness::WatchList::Changes changes_;
  std::vector<std::uint32_t> since_;
};

}  // namespace extfarm
