#include "coordinator/farm/compiled_text.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>
#include <unordered_map>

#include "common/compiler/include_lines.h"
#include "common/system/filesystem.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostHeaders = 40;
// Of each file: a MiB takes ten milliseconds, and whatever was submitted at the same time would wait.
constexpr std::size_t kMostRead = 256 << 10;
constexpr double kLargeSource = 64 << 10;   // what such a one includes from beside it adds little
constexpr double kMostOfOneUse = 1 << 20;   // macros of macros can stand for anything
constexpr int kDeepestUse = 100;
constexpr std::size_t kMostKept = 64 << 20;
// As long as reading them takes: of gcc 12 0.65 s on a machine where Python.h takes 0.14 s.
constexpr double kNamesOfIntrinsics = 3000;

// Those of this processor: headers for another's lie behind a condition that does not hold.
bool declares_intrinsics(const std::string& header) {
#if defined(__aarch64__)
  return header == "arm_neon.h";
#else
  return header == "immintrin.h" || header == "x86intrin.h";
#endif
}

double count_names(std::string_view text) {
  double out = 0;
  for_each_name(text, [&](std::string_view) { ++out; });
  return out;
}

// What uses of macros add.
class Expansion {
 public:
  // It outlives this.  Of several of a name, which conditions choose from, the longest counts.
  void define(const Macro& macro) {
    const Macro*& known = macros_[macro.name];
    if (known == nullptr || known->body.size() < macro.body.size()) known = &macro;
  }
  double names_behind(std::string_view text, int depth = 0) {
    double out = 0;
    for_each_name(text, [&](std::string_view name) {
      if (const auto macro = macros_.find(name); macro != macros_.end()) out += names_of(*macro->second, depth);
    });
    return out;
  }

 private:
  double names_of(const Macro& macro, int depth) {
    const auto [known, is_new] = names_.try_emplace(&macro, 0);  // none within itself
    if (!is_new || depth > kDeepestUse) return known->second;
    const double found = std::min(kMostOfOneUse, count_names(macro.body) + names_behind(macro.body, depth + 1));
    return names_[&macro] = found;
  }

  std::unordered_map<std::string_view, const Macro*> macros_;
  std::unordered_map<const Macro*, double> names_;
};

}  // namespace

CompiledText::File CompiledText::read(const std::string& path) {
  File out;
  const auto stamp = PosixFilesystem().stat(path);
  if (!stamp || !stamp->is_regular) return out;
  std::string text(std::min<std::size_t>(kMostRead, stamp->size_bytes), '\0');
  if (!read_part(path, 0, text)) return out;
  out.size_bytes = static_cast<double>(stamp->size_bytes);
  for (auto& line : read_include_lines(text).lines) {
    if (line.is_question) continue;
    if (line.is_quoted)
      out.included.push_back(std::move(line.name));
    else
      out.has_intrinsics |= declares_intrinsics(line.name);
  }
  out.parts = parts_of(text);
  out.names = count_names(out.parts.code);
  return out;
}

const CompiledText::File& CompiledText::header(const std::string& path) {
  const auto [it, is_new] = headers_.try_emplace(path);
  if (is_new) {
    it->second = read(path);
    if (fs::path(path).extension().string().starts_with(".h")) it->second.parts.code = {};
    kept_bytes_ += it->second.parts.code.size();
    for (const Macro& macro : it->second.parts.macros) kept_bytes_ += sizeof macro + macro.name.size() + macro.body.size();
  }
  return it->second;
}

const CompiledText::Included& CompiledText::find(const std::string& folder, const std::string& name) {
  const auto [it, is_new] = found_.try_emplace({folder, name});
  Included& out = it->second;
  for (std::size_t k = 0; is_new && out.file == nullptr && k <= folders_.size(); ++k) {
    const fs::path path = (fs::path(k == 0 ? folder : folders_[k - 1]) / name).lexically_normal();
    std::error_code absent;
    if (fs::is_regular_file(path, absent)) out = {&header(path.string()), k == 0, path.string()};
  }
  return out;
}

// Directly or not, each once.
std::vector<CompiledText::Included> CompiledText::included_by(const std::string& source, const File& own) {
  const std::string place = fs::path(source).lexically_normal().string();
  std::vector<Included> out = {{&own, true, place}};
  std::set<std::string_view> seen = {place};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Included from = out[i];
    const std::string folder = fs::path(from.path).parent_path().string();
    for (const auto& name : from.file->included) {
      if (out.size() > kMostHeaders) break;
      const Included& found = find(folder, name);
      if (found.file == nullptr || !seen.insert(found.path).second) continue;
      out.push_back(found);
      out.back().is_beside &= from.is_beside;
    }
  }
  out.erase(out.begin());
  return out;
}

void CompiledText::forget_if_much() {
  if (kept_bytes_ <= kMostKept) return;
  found_.clear();
  headers_.clear();
  kept_bytes_ = 0;
}

double CompiledText::names_in(const std::string& source, const std::vector<std::string>& folders) {
  forget_if_much();
  if (folders != folders_) {
    found_.clear();
    folders_ = folders;
  }
  const File own = read(source);
  const auto included = included_by(source, own);
  Expansion expansion;
  for (const Macro& macro : own.parts.macros) expansion.define(macro);
  for (const Included& header : included) {
    for (const Macro& macro : header.file->parts.macros) expansion.define(macro);
  }
  const double of_what_is_read = std::max(1.0, own.size_bytes / kMostRead);
  double names = (own.names + expansion.names_behind(own.parts.code)) * of_what_is_read;
  bool has_intrinsics = own.has_intrinsics;
  for (const Included& header : included) {
    if (!header.is_beside) continue;
    has_intrinsics |= header.file->has_intrinsics;
    if (own.size_bytes <= kLargeSource) names += header.file->names + expansion.names_behind(header.file->parts.code);
  }
  return names + (has_intrinsics ? kNamesOfIntrinsics : 0);
}

}  // namespace extfarm
