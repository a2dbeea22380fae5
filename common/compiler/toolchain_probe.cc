// Asks drivers for their programs and hashes what it finds.  Which command
// lines a driver understands is not known here.
#include "common/compiler/toolchain_probe.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "common/compiler/command_line.h"
#include "common/compiler/shared_libraries.h"
#include "common/compiler/tool_question.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;
using Paths = DriverAnswers::Paths;

constexpr std::array<const char*, 7> kPrograms = {"cc1", "cc1plus", "f951", "collect2", "lto1", "as", "ld"};
// Libraries in which a tool keeps what decides its output; libc is not one.
constexpr std::array<std::string_view, 8> kDecisiveLibraries = {"libLLVM", "libclang", "libbfd", "libopcodes",
                                                                "libisl",  "libmpfr",  "libmpc", "libgmp"};
constexpr const char* kNative = "-march=native";

std::optional<std::string> resolved(const std::string& path) {
  std::error_code error;
  auto real = fs::canonical(path, error);
  if (error || !fs::is_regular_file(real, error)) return std::nullopt;
  return real.string();
}

bool is_compiler_driver(const std::string& driver) {
  return read_command_line({driver, "-c", "x.c"}).kind == ActionKind::kCompile;
}

std::optional<std::string> program_of(ProcessRunner& runner, const std::string& driver, const std::string& name) {
  const auto exit = ask_tool(runner, driver, {"-print-prog-name=" + name});
  if (!exit || exit->exit_code != 0) return std::nullopt;
  std::string answer = exit->stdout_bytes;
  while (!answer.empty() && answer.back() == '\n') answer.pop_back();
  if (answer.empty()) return std::nullopt;
  return answer;
}

// What a bare name in an answer means; nullopt when it is nowhere.
std::optional<std::string> found(const std::string& answer) {
  if (answer.find('/') != std::string::npos) return resolved(answer);
  std::istringstream folders(kToolSearchPath);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (auto there = resolved(folder + "/" + answer)) return there;
  }
  return std::nullopt;
}

void add_libraries(ProcessRunner& runner, Paths& paths) {
  std::vector<std::string> programs;
  for (const auto& [name, path] : paths) {
    if (auto program = found(path)) programs.push_back(std::move(*program));
  }
  auto libraries = shared_libraries_of(runner, own_loader(), programs);
  std::erase_if(libraries, [](const auto& library) {
    return std::none_of(kDecisiveLibraries.begin(), kDecisiveLibraries.end(),
                        [&](std::string_view prefix) { return library.first.starts_with(prefix); });
  });
  std::sort(libraries.begin(), libraries.end());
  libraries.erase(std::unique(libraries.begin(), libraries.end()), libraries.end());
  paths.insert(paths.end(), libraries.begin(), libraries.end());
}

// The folders of the programs it named: a new one there may come before what
// it would name now.  The loader's cache: which libraries they have.
DriverAnswers answers_of(ProcessRunner& runner, const std::string& driver) {
  DriverAnswers out;
  const bool python = fs::path(driver).filename().string().starts_with("python");
  out.parts = {{python ? "python" : "driver", driver}};
  if (!is_compiler_driver(driver)) return out;
  for (const auto* name : kPrograms) {
    const auto answer = program_of(runner, driver, name);
    if (answer && found(*answer)) out.parts.emplace_back(name, *answer);
  }
  std::vector<std::string> places = {"/etc/ld.so.cache"};
  for (const auto& [name, path] : out.parts) {
    if (path.starts_with('/')) places.push_back(fs::path(path).parent_path().string());
  }
  out.witnesses = witnesses_at(std::move(places), PosixFilesystem());
  add_libraries(runner, out.parts);
  return out;
}

// Name and content of every regular file below `folder`, in the order of names.
std::optional<Digest> folder_digest(const std::string& folder, DigestCache& digests) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  if (error) return std::nullopt;
  for (; it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->path().filename() == "__pycache__") {
      it.disable_recursion_pending();
    } else if (it->is_regular_file(error)) {
      files.push_back(it->path().string());
    }
  }
  if (error) return std::nullopt;
  std::sort(files.begin(), files.end());
  Hasher hasher;
  for (const auto& file : files) {
    const auto digest = digests.digest(file);
    if (!digest) return std::nullopt;
    hasher.add_field(std::string_view(file).substr(folder.size()));
    hasher.add_field({reinterpret_cast<const char*>(digest->bytes.data()), digest->bytes.size()});
  }
  return hasher.finish();
}

tl::unexpected<Error> missing(const std::string& path) {
  return failure(ErrorCode::kNotFound, "cannot read the tool " + path + ": install it on this host, or name another");
}

}  // namespace

// What the driver makes of "native" is all that a compile sees of the processor.
std::optional<Digest> ToolchainProbe::meaning_of_native(const std::string& driver, const Digest& driver_digest) {
  const std::string key = driver + '\n' + to_hex(driver_digest);
  if (const auto known = natives_.find(key); known != natives_.end()) return known->second;
  const auto exit = ask_tool(runner_, driver, {kNative, "-###", "-E", "-x", "c", "/dev/null"});
  if (!exit || exit->exit_code != 0) return std::nullopt;
  if (natives_.size() >= kMostDrivers) natives_.clear();
  return natives_.emplace(key, digest_of(exit->stderr_bytes)).first->second;
}

Result<Toolchain> ToolchainProbe::probe(const ToolchainSpec& spec) {
  const auto real_driver = resolved(spec.driver);
  const auto driver_digest = real_driver ? digests_.digest(*real_driver) : std::nullopt;
  if (!driver_digest) return missing(spec.driver);
  Toolchain out;
  out.spec = spec;
  // Another driver behind the same name is asked anew; so is one whose parts moved.
  const std::string key = spec.driver + '\n' + to_hex(*driver_digest);
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto known = answers_.find(key);
    if (known == answers_.end()) {
      if (answers_.size() >= kMostDrivers) answers_.clear();
      known = answers_.emplace(key, answers_of(runner_, spec.driver)).first;
      has_asked_ = true;
    }
    out.components.clear();
    for (const auto& [name, answer] : known->second.parts) {
      const auto path = found(answer);
      const auto digest = path ? digests_.digest(*path) : std::nullopt;
      if (digest) out.components.push_back({name, *path, *digest});
    }
    if (out.components.size() == known->second.parts.size()) break;
    answers_.erase(known);
  }
  for (const auto& path : spec.extra_paths) {
    std::error_code error;
    if (path == kNative) {
      const auto meaning = meaning_of_native(spec.driver, *driver_digest);
      if (!meaning) return missing(spec.driver);
      out.components.push_back({"processor", path, *meaning});
      continue;
    }
    const auto real = fs::canonical(path, error);
    if (error) return missing(path);
    const auto digest =
        fs::is_directory(real, error) ? folder_digest(real.string(), digests_) : digests_.digest(real.string());
    if (!digest) return missing(path);
    out.components.push_back({fs::path(path).filename().string(), real.string(), *digest});
  }
  Hasher hasher;
  for (const auto& component : out.components) {
    hasher.add_field(component.name);
    hasher.add_field({reinterpret_cast<const char*>(component.digest.bytes.data()), component.digest.bytes.size()});
  }
  out.digest = hasher.finish();
  return out;
}

std::string ToolchainProbe::take_answers() {
  if (!std::exchange(has_asked_, false)) return {};
  ToolMemory memory;
  std::set<std::string> paths;
  for (const auto& [key, answers] : answers_) {
    memory.drivers.emplace_back(key, answers);
    for (const auto& [name, answer] : answers.parts) {
      if (const auto path = found(answer)) paths.insert(*path);
    }
  }
  for (const auto& path : paths) {
    const auto stamp = PosixFilesystem().stat(path);
    const auto digest = digests_.digest(path);
    if (stamp && digest && is_settled(*stamp) && PosixFilesystem().stat(path) == stamp)
      memory.digests.push_back({path, *stamp, *digest});
  }
  return encode(memory);
}

void ToolchainProbe::restore(std::string_view bytes) {
  auto memory = decode_tool_memory(bytes);
  if (!memory) return;
  for (auto& [key, answers] : memory->drivers) {
    if (answers_.size() < kMostDrivers && still_holds(answers, PosixFilesystem()))
      answers_.insert_or_assign(key, std::move(answers));
    else
      has_asked_ = true;  // what is kept shall not have it either
  }
  for (const auto& known : memory->digests) digests_.remember(known.path, known.stamp, known.digest);
}

}  // namespace extfarm
