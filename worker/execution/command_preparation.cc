#include "worker/execution/command_preparation.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string_view>

#include "common/compiler/depfile.h"
#include "common/compiler/driver_options.h"
#include "common/compiler/include_lines.h"
#include "common/compiler/search_folders.h"
#include "worker/execution/option_words.h"

namespace extfarm {
namespace {

using std::string_view;

bool names_a_source(const std::vector<std::string>& argv, const CommandReading& reading) {
  return has_word(argv, "-x") || std::any_of(reading.sources.begin(), reading.sources.end(),
                                             [](const std::string& source) { return is_source_name(source); });
}

// Whether the preprocessor runs, and so writes a list when asked.
bool is_preprocessed(const std::vector<std::string>& argv, const CommandReading& reading) {
  static constexpr string_view kFinished[] = {".i", ".ii", ".mi", ".s"};
  if (has_word(argv, "-x")) {
    return std::none_of(argv.begin(), argv.end(), [](const std::string& word) {
      return word.ends_with("cpp-output") || word == "assembler" || word == "-xassembler" || word == "ir" || word == "-xir";
    });
  }
  return std::any_of(reading.sources.begin(), reading.sources.end(), [](const std::string& source) {
    return is_source_name(source) && std::none_of(std::begin(kFinished), std::end(kFinished),
                                                  [&](string_view end) { return file_ending(source) == end; });
  });
}

// "cc" is a link to the one or the other.
bool is_gnu(const std::string& program) {
  std::error_code unknown;
  const auto real = std::filesystem::canonical(program, unknown);
  const std::string name = (unknown ? std::filesystem::path(program) : real).filename().string();
  return name.find("gcc") != std::string::npos || name.find("g++") != std::string::npos;
}

// The compile as a mere listing of all it includes, on stdout.
std::vector<std::string> listing_of(const std::vector<std::string>& argv, Fortran fortran) {
  static constexpr string_view kDropped[] = {"-MMD", "-MD", "-c", "-S", "-MP", "-fsyntax-only", "-nocpp"};
  static constexpr string_view kDroppedWithNext[] = {"-o", "-MF", "-MT", "-MQ"};
  std::vector<std::string> out = {argv[0]};
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (std::find(std::begin(kDropped), std::end(kDropped), word) != std::end(kDropped)) continue;
    if (word.starts_with("-Wp,-MMD,") || word.starts_with("-Wp,-MD,")) continue;
    if (word == "--") {
      out.insert(out.end(), argv.begin() + static_cast<std::ptrdiff_t>(i), argv.end());
      break;
    }
    const auto with_next = std::find_if(std::begin(kDroppedWithNext), std::end(kDroppedWithNext),
                                        [&](string_view option) { return word.starts_with(option); });
    if (with_next != std::end(kDroppedWithNext)) {
      if (word == *with_next) ++i;
      continue;
    }
    out.push_back(word);
    if (takes_next_word(word) && i + 1 < argv.size()) out.push_back(argv[++i]);
  }
  add_options(out, {"-M"});
  // Fortran's compiler tells what it includes and which modules it uses only where it preprocesses; without macros that
  // changes nothing that it would read.
  if (fortran == Fortran::kPlain) add_options(out, {"-cpp", "-undef"});
  return out;
}

void prepare_compile(const Action& action, const CommandReading& reading, const std::string& program,
                     const std::string& temporary, PreparedCommand& out) {
  const bool is_assembled = std::find(action.argv.begin(), action.argv.end(), "-c") != action.argv.end();
  // With -flto the object records what the assembler was told.
  if (is_gnu(program) && is_assembled && reading.sources.size() == 1 && !has_word(action.argv, "-Wa,--MD") &&
      !has_word(action.argv, "-flto")) {
    out.assembler_depfile = temporary + "/assembled.d";
    add_options(out.argv, {"-Wa,--MD," + out.assembler_depfile});
  }
  out.assembles_unlisted = is_assembled && out.assembler_depfile.empty();
  out.makes_modules = reading.fortran != Fortran::kNone;
  // What is preprocessed already, or never is, includes nothing, and clang complains of -MD.
  if (!is_preprocessed(action.argv, reading)) return;
  // gcc passes several -o on to the part that would write the list, and that takes one only.
  const auto is_output = [](const std::string& word) { return word.starts_with("-o"); };
  const bool has_one_output = std::count_if(action.argv.begin() + 1, action.argv.end(), is_output) <= 1;
  const bool lists_all = reading.dependency_style == DependencyStyle::kMakefileAllHeaders;
  const bool may_list = reading.fortran != Fortran::kPlain && reading.sources.size() == 1;
  if (has_one_output && may_list && reading.dependency_style == DependencyStyle::kNone) {
    out.depfile = temporary + "/inputs.d";
    add_options(out.argv, {"-MD", "-MF", out.depfile});
    out.dependency_source = DependencySource::kAddedDepfile;
    return;
  }
  out.listing_argv = listing_of(action.argv, reading.fortran);
  out.listing_is_needed = !lists_all || !may_list;
  if (out.listing_is_needed) return;
  out.dependency_source = DependencySource::kOwnDepfile;
  out.depfile = reading.depfile;
}

void prepare_link(const Action& action, const CommandReading& reading, const std::string& program,
                  const std::string& temporary, PreparedCommand& out) {
  // Without any input clang says so; an option for the linker would count as one.
  const bool has_all = std::all_of(reading.sources.begin(), reading.sources.end(), [&](const std::string& source) {
    std::error_code unknown;
    return std::filesystem::exists(std::filesystem::path(action.cwd) / source, unknown);
  });
  if (has_all && !has_word(action.argv, "-Wl,--dependency-file")) {
    out.depfile = temporary + "/inputs.d";
    add_options(out.argv, {"-Wl,--dependency-file=" + out.depfile});
    out.dependency_source = DependencySource::kAddedDepfile;
  }
  // One lease is one slot, so gcc's link-time compiles run one after the other; clang's are one in any case.
  if (is_gnu(program)) std::replace(out.argv.begin() + 1, out.argv.end(), std::string("-flto=auto"), std::string("-flto=1"));
  out.assembles_unlisted = names_a_source(action.argv, reading);
  out.makes_modules = reading.fortran != Fortran::kNone;
  if (!out.assembles_unlisted || !is_preprocessed(action.argv, reading)) return;
  out.listing_argv = listing_of(action.argv, reading.fortran);
  out.listing_is_needed = true;
}

// A terminal is where the front end is: this one's pipe says nothing.
void colour_messages(PreparedCommand& out) {
  const auto wanted = std::find_if(out.environment.begin(), out.environment.end(),
                                   [](const auto& variable) { return variable.first == "EXTFARM_COLOR"; });
  if (wanted == out.environment.end()) return;
  out.environment.erase(wanted);
  for (const auto& word : out.argv) {
    if (word.find("-color") != std::string::npos || word.find("diagnostics-plain") != std::string::npos ||
        word.ends_with("record-command-line"))
      return;
  }
  add_options(out.argv, {"-fdiagnostics-color=always"});
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) out.push_back(line);
  }
  return out;
}

std::string place_of_list(const Action& action, const PreparedCommand& command,
                          const std::vector<CollectedOutput>& outputs) {
  const std::string named = (std::filesystem::path(action.cwd) / command.depfile).lexically_normal().string();
  for (const auto& output : outputs) {
    if (output.attested.path == named) return output.stored_at;
  }
  return command.dependency_source == DependencySource::kOwnDepfile ? std::string() : named;
}

// What a command left for this worker to read: a pipe, or a link to a device, would never end.
Result<std::string> read_list(const std::string& path, const Filesystem& filesystem) {
  const auto stamp = filesystem.stat(path);
  if (stamp && !stamp->is_regular) return failure(ErrorCode::kIo, "it is no regular file");
  return filesystem.read(path);
}

tl::unexpected<Error> unusable(const std::string& list, const std::string& why) {
  return failure(ErrorCode::kIo, "the list of inputs that the command wrote to " + list + " cannot be used: " + why);
}

// Headers that the source names and that are not among what was read: gcc leaves out those it has found precompiled.
std::vector<std::string> unlisted_headers(const Action& action, const std::set<std::string>& read, const Filesystem& filesystem) {
  std::vector<std::string> out;
  std::optional<std::vector<std::string>> folders;
  for (const auto& source : action.inputs) {
    const auto text = filesystem.read(source);
    for (const auto& line : read_include_lines(text.value_or("")).lines) {
      const std::string ending = "/" + line.name;
      const auto is_it = [&](const std::string& path) { return path.ends_with(ending); };
      if (line.is_question || std::any_of(read.begin(), read.end(), is_it)) continue;
      if (!folders) folders = named_include_folders(action);
      out.push_back((std::filesystem::path(source).parent_path() / line.name).string());
      for (const auto& folder : *folders) out.push_back(folder + "/" + line.name);
    }
  }
  return out;
}

// The precompiled headers beside headers, or in a folder beside one: no compiler tells which of them it has used.
void add_precompiled(const Action& action, std::set<std::string>& read, const Filesystem& filesystem) {
  auto headers = unlisted_headers(action, read, filesystem);
  std::copy_if(read.begin(), read.end(), std::back_inserter(headers), [](const auto& path) { return !path.starts_with("/usr/"); });
  for (const auto& header : headers) {
    for (const char* ending : {".gch", ".pch"}) {
      const auto stamp = filesystem.stat(header + ending);
      if (!stamp) continue;
      if (stamp->is_regular) read.insert(header + ending);
      std::error_code failed;
      for (std::filesystem::directory_iterator it(header + ending, failed); !failed && it != std::filesystem::directory_iterator();
           it.increment(failed))
        read.insert(it->path().string());
    }
  }
}

Result<void> add_depfile(const std::string& text, const std::string& name, const std::string& cwd,
                         ListedInputs& out) {
  const auto paths = parse_depfile(text, cwd);
  if (!paths) return unusable(name, paths.error().message);
  if (paths->empty()) return unusable(name, "it is empty");
  out.read.insert(paths->begin(), paths->end());
  return {};
}

// What is listed, from wherever the lists are.  Errors: as list_inputs().
Result<void> add_lists(const Action& action, const PreparedCommand& command, const std::vector<CollectedOutput>& outputs,
                       const std::optional<std::string>& listing, const Filesystem& filesystem, ListedInputs& out) {
  if (!command.assembler_depfile.empty()) {
    const auto text = read_list(command.assembler_depfile, filesystem);
    if (const auto paths = parse_depfile(text.value_or(""), action.cwd)) out.read.insert(paths->begin(), paths->end());
  }
  if (listing) {
    const auto paths = parse_depfile(*listing, action.cwd);
    if (!paths) return unusable("stdout", paths.error().message);
    out.read.insert(paths->begin(), paths->end());
  } else if (command.listing_is_needed) {
    return failure(ErrorCode::kRefused, "a run that lists what it reads fails there (" + action.argv[0] + " -M); by hand it says why");
  }
  const auto source = command.dependency_source;
  if (source == DependencySource::kNone || (source == DependencySource::kOwnDepfile && listing)) return {};
  const auto text = read_list(place_of_list(action, command, outputs), filesystem);
  if (source == DependencySource::kLines) {
    for (const auto& line : lines_of(text.value_or("")))  // nothing was read beyond the declared
      line.starts_with('!') ? out.missed.insert(line.substr(1)) : out.read.insert(line);
    return {};
  }
  if (!text) return unusable(command.depfile, text.error().message);
  return add_depfile(*text, command.depfile, action.cwd, out);
}

}  // namespace

PreparedCommand prepare_command(const Action& action, const std::string& program, const std::string& temporary) {
  PreparedCommand out;
  out.argv = action.argv;
  for (const auto& entry : action.environment) {
    if (entry.first != "TMPDIR") out.environment.push_back(entry);
  }
  out.environment.emplace_back("TMPDIR", temporary);
  if (action.kind == ActionKind::kCythonize) {
    out.depfile = temporary + "/inputs.d";
    out.environment.emplace_back("EXTFARM_DEPFILE", out.depfile);
    out.dependency_source = DependencySource::kLines;
  } else if (action.kind == ActionKind::kLink || action.kind == ActionKind::kCompile) {
    const auto reading = read_command_line(action.argv);
    if (action.kind == ActionKind::kLink)
      prepare_link(action, reading, program, temporary, out);
    else
      prepare_compile(action, reading, program, temporary, out);
    colour_messages(out);
  }
  return out;
}

bool has_own_list(const Action& action, const PreparedCommand& command, const std::vector<CollectedOutput>& outputs,
                  const Filesystem& filesystem) {
  if (command.listing_is_needed) return false;
  if (command.dependency_source == DependencySource::kNone) return true;
  const auto place = place_of_list(action, command, outputs);
  return !place.empty() && filesystem.stat(place).has_value();
}

Result<ListedInputs> list_inputs(const Action& action, const PreparedCommand& command,
                                 const std::vector<CollectedOutput>& outputs,
                                 const std::optional<std::string>& listing, const Filesystem& filesystem) {
  ListedInputs out;
  out.read.insert(action.inputs.begin(), action.inputs.end());
  if (auto added = add_lists(action, command, outputs, listing, filesystem, out); !added) return tl::unexpected(added.error());
  const bool compiles = action.kind == ActionKind::kCompile || listing;  // a link of sources has been listed
  if (compiles) add_precompiled(action, out.read, filesystem);
  return out;
}

Result<std::vector<std::string>> list_modules(const Action& action, const PreparedCommand& command,
                                              const std::vector<CollectedOutput>& outputs,
                                              const std::optional<std::string>& listing, const Filesystem& filesystem) {
  std::string text = listing.value_or("");
  if (!listing) {
    auto list = read_list(place_of_list(action, command, outputs), filesystem);
    if (!list) return unusable(command.depfile, list.error().message);
    text = std::move(*list);
  }
  auto out = parse_depfile_targets(text, action.cwd);
  if (!out) return unusable(listing ? "stdout" : command.depfile, out.error().message);
  std::erase_if(*out, [](const std::string& path) { return !path.ends_with(".mod") && !path.ends_with(".smod"); });
  return out;
}

}  // namespace extfarm
