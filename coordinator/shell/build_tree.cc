#include "coordinator/shell/build_tree.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "coordinator/shell/options.h"

namespace extfarm {

namespace fs = std::filesystem;

// The folder may be shared by hosts, whose drivers may differ.
BuildTree::BuildTree(const std::string& project_root, const std::string& user_folder, Terminal& terminal)
    : root(project_root),
      state(project_root + "/.extfarm"),
      tools(user_folder + "/tools." + host_name()),
      terminal_(terminal) {}

BuildTree::~BuildTree() = default;

Result<std::unique_ptr<BuildTree>> BuildTree::open(const std::string& project_root, const std::string& user_folder,
                                                   Terminal& terminal) {
  std::unique_ptr<BuildTree> tree(new BuildTree(project_root, user_folder, terminal));
  if (tree->runtime.path().empty())
    return failure(ErrorCode::kIo, std::string("cannot make a folder in /tmp: ") + std::strerror(errno));
  tree->lock = std::make_unique<TreeLock>(tree->state, [&](const std::string& words) { terminal.warn(words); });
  auto opened = records::Records::open(tree->state + "/state.sqlite");
  if (!opened) {
    terminal.warn(opened.error().message + "; nothing will be remembered of this build");
    opened = records::Records::open(tree->runtime.path() + "/state.sqlite");
  }
  if (!opened) return tl::unexpected(opened.error());
  tree->records = std::move(*opened);
  tree->said_ = tree->records->warning();
  if (!tree->said_.empty()) terminal.warn(tree->said_);
  tree->probe.restore(tree->filesystem.read(tree->tools).value_or(""));
  tree->memory = std::make_unique<BuildMemory>(project_root, tree->filesystem, tree->digests, *tree->records,
                                               tree->probe_runner, tree->probe);
  tree->memory->restore_search_folders(tree->filesystem.read(tree->state + "/search-folders").value_or(""));
  return tree;
}

void BuildTree::close() {
  memory->end_build();
  // The user's folder is made with the keys, when a worker is first needed.
  const bool has_user_folder = filesystem.stat(fs::path(tools).parent_path().string()).has_value();
  if (const auto answers = probe.take_answers(); !answers.empty() && has_user_folder)
    (void)filesystem.write_atomically(tools, answers, 0644);  // else the next build asks once more
  if (const auto answers = memory->take_search_folders(); !answers.empty())
    (void)filesystem.write_atomically(state + "/search-folders", answers, 0644);
  if (const auto& warning = records->warning(); warning != said_) terminal_.warn(warning);
  said_ = records->warning();
}

}  // namespace extfarm
