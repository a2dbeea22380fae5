#include "common/compiler/search_folders.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/compiler/command_line.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

std::string absolute(const std::string& path, const std::string& cwd) {
  auto out = (path.starts_with('/') ? fs::path(path) : fs::path(cwd) / path).lexically_normal().string();
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

struct OwnFolders {
  std::vector<std::string> quote, first, system, after, libraries, deciding;
};

// Options whose value is joined or the next word, and where the value belongs.
OwnFolders read_options(const Action& action) {
  OwnFolders out;
  const struct {
    std::string_view option;
    std::vector<std::string>& target;
  } kinds[] = {{"-iquote", out.quote}, {"-isystem", out.system}, {"-idirafter", out.after},
               {"-I", out.first},      {"-L", out.libraries}};
  static constexpr std::string_view kDeciding[] = {"--sysroot", "-isysroot", "-nostdinc", "-stdlib=", "-m",
                                                   "-target",   "--target",  "-B",        "-specs"};
  static constexpr std::string_view kWithValue[] = {"--sysroot", "-isysroot", "-target", "-B"};
  const auto& argv = action.argv;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string& word = argv[i];
    const auto kind = std::find_if(std::begin(kinds), std::end(kinds),
                                   [&](const auto& k) { return word.starts_with(k.option); });
    if (kind != std::end(kinds)) {
      const bool is_joined = word.size() > kind->option.size();
      if (!is_joined && i + 1 == argv.size()) break;
      kind->target.push_back(absolute(is_joined ? word.substr(kind->option.size()) : argv[++i], action.cwd));
    } else if (std::any_of(std::begin(kDeciding), std::end(kDeciding),
                           [&](std::string_view option) { return word.starts_with(option); })) {
      out.deciding.push_back(word);
      const bool takes_next = std::find(std::begin(kWithValue), std::end(kWithValue), word) != std::end(kWithValue);
      if (takes_next && i + 1 < argv.size()) out.deciding.push_back(argv[++i]);
    }
  }
  return out;
}

// It holds until one of the folders that were not there may have come: until what they would lie in changes.
DriverAnswers answers_in(const std::string& stderr_of_driver) {
  DriverAnswers out;
  for (auto& folder : parse_search_list(stderr_of_driver)) out.parts.emplace_back("folder", std::move(folder));
  std::vector<std::string> places;
  for (fs::path place : parse_missing_folders(stderr_of_driver)) {
    std::error_code unknown;
    while (place != "/" && !fs::exists(place, unknown)) place = place.parent_path();
    places.push_back(place.string());
  }
  out.witnesses = witnesses_at(std::move(places), PosixFilesystem());
  return out;
}

std::string language_of(const Action& action) {
  for (std::size_t i = 1; i < action.argv.size(); ++i) {
    if (action.argv[i] == "-x" && i + 1 < action.argv.size()) return action.argv[i + 1];
    if (action.argv[i].starts_with("-x")) return action.argv[i].substr(2);
  }
  static constexpr std::string_view kPlain[] = {".c", ".s", ".S", ".m"};
  const auto reading = read_command_line(action.argv);
  const bool is_plain = std::any_of(reading.sources.begin(), reading.sources.end(), [](const std::string& source) {
    return std::any_of(std::begin(kPlain), std::end(kPlain), [&](std::string_view end) { return source.ends_with(end); });
  });
  const bool by_driver = fs::path(action.program).filename().string().find("++") != std::string::npos;
  return is_plain && !by_driver ? "c" : "c++";
}

}  // namespace

std::vector<std::string> own_include_folders(const Action& action) {
  auto own = read_options(action);
  auto out = std::move(own.quote);
  out.insert(out.end(), own.first.begin(), own.first.end());
  return out;
}

std::vector<std::string> parse_search_list(const std::string& stderr_of_driver) {
  std::vector<std::string> out;
  bool inside = false;
  std::istringstream lines(stderr_of_driver);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("End of search list")) break;
    if (line.find("search starts here:") != std::string::npos)
      inside = true;
    else if (inside && line.starts_with(" "))
      out.push_back(absolute(line.substr(1, line.find(" (framework") - 1), "/"));
  }
  return out;
}

std::vector<std::string> parse_missing_folders(const std::string& stderr_of_driver) {
  constexpr std::string_view kWords = "ignoring nonexistent directory \"";
  std::vector<std::string> out;
  std::istringstream lines(stderr_of_driver);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kWords)) out.push_back(absolute(line.substr(kWords.size(), line.rfind('"') - kWords.size()), "/"));
  }
  return out;
}

const DriverAnswers& SearchFolderProbe::built_in(const Action& action, const std::vector<std::string>& deciding_options,
                                                 const std::string& language) {
  ProcessRequest request;
  request.program = action.program;
  request.argv = {action.argv[0]};
  request.argv.insert(request.argv.end(), deciding_options.begin(), deciding_options.end());
  request.argv.insert(request.argv.end(), {"-E", "-v", "-x", language, "/dev/null"});
  request.environment = {{"LC_ALL", "C"}};
  for (const auto& entry : action.environment) {
    if (entry.first == "PATH" || entry.first == "CPATH" || entry.first.ends_with("_INCLUDE_PATH"))
      request.environment.push_back(entry);
  }
  request.cwd = action.cwd;
  Hasher key;
  for (const auto& field : {action.program, to_hex(action.toolchain_digest), action.cwd}) key.add_field(field);
  for (const auto& word : request.argv) key.add_field(word);
  for (const auto& [name, value] : request.environment) key.add_field(name + "=" + value);
  const auto [it, is_new] = built_in_.try_emplace(to_hex(key.finish()));
  if (is_new) {
    const auto exit = runner_.run(request, kDriverPatience);
    if (exit) it->second = answers_in(exit->stderr_bytes);
    has_asked_ = true;
  }
  return it->second;
}

std::string SearchFolderProbe::take_answers() {
  if (!std::exchange(has_asked_, false)) return {};
  ToolMemory memory;
  memory.drivers.assign(built_in_.begin(), built_in_.end());
  return encode(memory);
}

void SearchFolderProbe::restore(std::string_view bytes) {
  auto memory = decode_tool_memory(bytes);
  if (!memory) return;
  for (auto& [key, answers] : memory->drivers) {
    if (!answers.parts.empty() && still_holds(answers, PosixFilesystem())) built_in_.emplace(key, std::move(answers));
  }
}

std::vector<std::string> SearchFolderProbe::folders_of(const Action& action) {
  if (action.kind != ActionKind::kCompile && action.kind != ActionKind::kLink) return {};
  const auto own = read_options(action);
  if (action.kind == ActionKind::kLink) return own.libraries;
  std::vector<std::string> drivers;
  for (const auto& [name, folder] : built_in(action, own.deciding, language_of(action)).parts) drivers.push_back(folder);
  const auto& built = drivers;
  const auto is_in = [](const std::vector<std::string>& list, const std::string& folder) {
    return std::find(list.begin(), list.end(), folder) != list.end();
  };
  std::vector<std::string> out;
  for (const auto* part : {&own.quote, &own.first, &own.system, &built, &own.after}) {
    for (const auto& folder : *part) {
      // A driver ignores -I for a folder that is the system's as well.
      if (part == &own.first && (is_in(own.system, folder) || is_in(built, folder))) continue;
      if (part == &own.system && is_in(built, folder)) continue;
      if (!is_in(out, folder)) out.push_back(folder);
    }
  }
  return out;
}

}  // namespace extfarm
