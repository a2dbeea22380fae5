#include "worker/execution/command_preparation.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "common/compiler/depfile.h"

namespace extfarm {
namespace {

void insert_before_dashes(std::vector<std::string>& argv, const std::vector<std::string>& words) {
  const auto at = std::find(argv.begin() + 1, argv.end(), "--");
  argv.insert(at, words.begin(), words.end());
}

// Whether the preprocessor runs, and so writes a list when asked.
bool is_preprocessed(const std::vector<std::string>& argv, const CommandReading& reading) {
  static constexpr std::string_view kFinished[] = {".i", ".ii", ".mi", ".s"};
  const auto typed = [](const std::string& word) { return word.starts_with("-x"); };
  if (std::any_of(argv.begin(), argv.end(), typed)) {
    return std::none_of(argv.begin(), argv.end(), [](const std::string& word) {
      return word.ends_with("cpp-output") || word == "assembler" || word == "-xassembler";
    });
  }
  return std::none_of(reading.sources.begin(), reading.sources.end(), [](const std::string& source) {
    return std::any_of(std::begin(kFinished), std::end(kFinished), [&](std::string_view end) {
      return source.ends_with(end);
    });
  });
}

// The compile as a mere listing of all it includes.
std::vector<std::string> listing_of(const std::vector<std::string>& argv, const std::string& depfile) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (word == "-MMD" || word == "-MD" || word == "-c" || word == "-S" || word == "-MP") continue;
    if (word.starts_with("-Wp,-MMD,") || word.starts_with("-Wp,-MD,")) continue;
    if (word == "-o" || word == "-MF" || word == "-MT" || word == "-MQ") {
      ++i;
      continue;
    }
    if (word.starts_with("-MF") || word.starts_with("-MT") || word.starts_with("-MQ")) continue;
    if (word.starts_with("-o") && word.size() > 2) continue;
    out.push_back(word);
  }
  insert_before_dashes(out, {"-M", "-MF", depfile});
  return out;
}

Result<std::vector<std::string>> read_dependencies(DependencySource source, const std::string& text,
                                                   const std::string& cwd) {
  if (source != DependencySource::kLines) return parse_depfile(text, cwd);
  std::vector<std::string> paths;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) paths.push_back(line);
  }
  return paths;
}

}  // namespace

PreparedCommand prepare_command(const Action& action, const std::string& temporary) {
  PreparedCommand out;
  out.argv = action.argv;
  for (const auto& entry : action.environment) {
    if (entry.first != "TMPDIR") out.environment.push_back(entry);
  }
  out.environment.emplace_back("TMPDIR", temporary);
  const std::string added = temporary + "/inputs.d";
  if (action.kind == ActionKind::kCythonize) {
    out.environment.emplace_back("EXTFARM_DEPFILE", added);
    out.dependency_source = DependencySource::kLines;
    out.depfile = added;
  } else if (action.kind == ActionKind::kLink) {
    insert_before_dashes(out.argv, {"-Wl,--dependency-file=" + added});
    out.dependency_source = DependencySource::kAddedDepfile;
    out.depfile = added;
  } else if (action.kind == ActionKind::kCompile) {
    const auto reading = read_command_line(action.argv);
    const bool fortran = action.program.find("fortran") != std::string::npos;
    const bool several = reading.sources.size() > 1;
    if (fortran || several || !is_preprocessed(action.argv, reading)) {
      // What is preprocessed already, or never is, includes nothing, and clang
      // complains of -MD; gfortran lists modules only with -cpp, and one file
      // cannot take the lists of several sources: the declared inputs stand alone.
    } else if (reading.dependency_style == DependencyStyle::kNone) {
      insert_before_dashes(out.argv, {"-MD", "-MF", added});
      out.dependency_source = DependencySource::kAddedDepfile;
      out.depfile = added;
    } else if (reading.dependency_style == DependencyStyle::kMakefileAllHeaders) {
      out.dependency_source = DependencySource::kOwnDepfile;
      out.depfile = reading.depfile;
    } else {
      out.listing_argv = listing_of(action.argv, added);
      out.dependency_source = DependencySource::kAddedDepfile;
      out.depfile = added;
    }
  }
  return out;
}

Result<ListedInputs> list_inputs(const Action& action, const PreparedCommand& command,
                                 const std::vector<CollectedOutput>& outputs, const Filesystem& filesystem) {
  ListedInputs out;
  out.read.insert(action.inputs.begin(), action.inputs.end());
  const auto source = command.dependency_source;
  if (source == DependencySource::kNone) return out;
  const std::string named = (std::filesystem::path(action.cwd) / command.depfile).lexically_normal().string();
  std::string stored = named;
  for (const auto& output : outputs) {
    if (output.attested.path == named) stored = output.stored_at;
  }
  const auto text = filesystem.read(stored);
  if (!text && source == DependencySource::kLines) return out;  // nothing was read beyond the declared
  const auto read = text ? read_dependencies(source, *text, action.cwd)
                         : Result<std::vector<std::string>>(tl::unexpected(text.error()));
  if (!read || (read->empty() && source != DependencySource::kLines)) {
    return failure(ErrorCode::kIo, "the list of inputs that the command wrote to " + named + " cannot be used" +
                                       (read ? std::string(": it is empty") : ": " + read.error().message));
  }
  for (const auto& path : *read) {
    const bool was_missed = source == DependencySource::kLines && path.starts_with('!');
    if (was_missed)
      out.missed.insert(path.substr(1));
    else
      out.read.insert(path);
  }
  return out;
}

}  // namespace extfarm
