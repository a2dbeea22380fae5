#include "common/compiler/search_folders.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/compiler/driver_options.h"
#include "common/compiler/response_file.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

std::string absolute(const std::string& path, const std::string& cwd) {
  auto out = (path.starts_with('/') ? fs::path(path) : fs::path(cwd) / path).lexically_normal().string();
  if (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

// What a command's words say of where it looks.
struct OwnFolders {
  std::vector<std::string> quote, first, system, after, libraries;  // absolute
  std::vector<std::string> deciding;                                // words that decide upon the driver's own folders
  std::string language = "c";                                       // or "c++"
};

// Whether the driver's list for C++ is asked for: it has all folders of the one for C, and more.
bool is_cxx(const std::string& source, const std::string& language, bool by_cxx_driver) {
  static constexpr std::string_view kLikeC[] = {".s", ".S", ".sx", ".m", ".mi"};
  if (!language.empty() && language != "none")
    return language.find("++") != std::string::npos || language == "cuda" || language == "hip";
  const auto ending = file_ending(source);
  if (ending == ".c" || ending == ".i") return by_cxx_driver;
  return is_source_name(source) && !is_fortran(source, language) &&
         std::find(std::begin(kLikeC), std::end(kLikeC), ending) == std::end(kLikeC);
}

// As the driver reads them: response files stand for their words.
std::vector<std::string> words_of(const Action& action) {
  auto expanded = expand_response_files(action.argv, action.cwd, PosixFilesystem());
  return expanded ? std::move(expanded->argv) : action.argv;
}

OwnFolders read_options(const Action& action) {
  OwnFolders out;
  // Their value is joined or the next word.
  const struct {
    std::string_view option;
    std::vector<std::string>& target;
  } kinds[] = {{"-iquote", out.quote}, {"-isystem", out.system}, {"-idirafter", out.after},
               {"-I", out.first},      {"-J", out.first},        {"-L", out.libraries}};
  static constexpr std::string_view kDeciding[] = {"--sysroot", "-isysroot", "-nostd",  "-nobuiltininc", "-stdlib",
                                                   "-m",        "-target",   "--target", "-B",           "-specs",
                                                   "--specs",   "--config",  "--prefix", "--gcc-",       "-resource-dir"};
  const bool by_cxx_driver = fs::path(action.program).filename().string().find("++") != std::string::npos;
  const auto argv = words_of(action);
  std::string language;
  bool options_end = false, has_fortran = false;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const std::string& word = argv[i];
    if (options_end || !word.starts_with('-')) {
      has_fortran = has_fortran || is_fortran(word, language);
      if (is_cxx(word, language, by_cxx_driver)) out.language = "c++";
      continue;
    }
    const bool has_value_next = takes_next_word(word) && i + 1 < argv.size();
    const auto kind = std::find_if(std::begin(kinds), std::end(kinds),
                                   [&](const auto& k) { return word.starts_with(k.option); });
    if (kind != std::end(kinds)) {
      const bool is_joined = word.size() > kind->option.size();
      if (is_joined || has_value_next)
        kind->target.push_back(absolute(is_joined ? word.substr(kind->option.size()) : argv[i + 1], action.cwd));
    } else if (word.starts_with("-x")) {
      language = word.size() > 2 ? word.substr(2) : has_value_next ? argv[i + 1] : "";
    } else if (!word.starts_with("-mllvm") && std::any_of(std::begin(kDeciding), std::end(kDeciding),
                                                          [&](auto option) { return word.starts_with(option); })) {
      out.deciding.push_back(word);
      if (has_value_next) out.deciding.push_back(argv[i + 1]);
    } else if (word == "--") {
      options_end = true;
    }
    if (has_value_next) ++i;
  }
  if (has_fortran) out.quote.insert(out.quote.begin(), action.cwd);  // modules are looked for there before all others
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

}  // namespace

std::vector<std::string> own_include_folders(const Action& action) {
  auto own = read_options(action);
  auto out = std::move(own.quote);
  out.insert(out.end(), own.first.begin(), own.first.end());
  return out;
}

std::vector<std::string> named_include_folders(const Action& action) {
  auto own = read_options(action);
  auto out = std::move(own.quote);
  for (const auto* part : {&own.first, &own.system, &own.after}) out.insert(out.end(), part->begin(), part->end());
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
  for (const auto& [name, folder] : built_in(action, own.deciding, own.language).parts) drivers.push_back(folder);
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
