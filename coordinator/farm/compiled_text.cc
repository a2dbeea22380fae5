#include "coordinator/farm/compiled_text.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "coordinator/freshness/include_lines.h"

namespace extfarm {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostHeaders = 40;
constexpr std::size_t kMostRead = 1 << 20;  // of each file
constexpr double kLargeSource = 64 << 10;   // what such a one includes from beside it adds little
constexpr double kMostOfOneUse = 1 << 20;   // macros of macros can stand for anything
constexpr int kDeepestUse = 100;
constexpr std::size_t kMostKept = 64 << 20;

std::string beginning_of(const std::string& path) {
  std::error_code absent;
  if (!fs::is_regular_file(path, absent)) return {};
  std::ifstream in(path, std::ios::binary);
  const auto size = fs::file_size(path, absent);
  std::string text(absent ? 0 : std::min<std::uintmax_t>(kMostRead, size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
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
  const std::string text = beginning_of(path);
  std::error_code absent;
  out.size_bytes = static_cast<double>(text.size());
  if (const auto size = fs::file_size(path, absent); text.size() == kMostRead && !absent) out.size_bytes = static_cast<double>(size);
  for (auto& line : freshness::read_include_lines(text).lines) {
    if (line.is_quoted && !line.is_question) out.included.push_back(std::move(line.name));
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

// Directly or not, each once.
std::vector<CompiledText::Included> CompiledText::included_by(const std::string& source, const File& own,
                                                              const std::vector<std::string>& folders) {
  struct Place {
    fs::path folder;
    Included what;
  };
  std::vector<Place> places = {{fs::path(source).parent_path(), {&own, true}}};
  std::set<std::string> seen = {fs::path(source).lexically_normal().string()};
  const auto look_for = [&](const std::string& name, const Place& from) {
    for (std::size_t k = 0; k <= folders.size(); ++k) {
      const fs::path path = ((k == 0 ? from.folder : fs::path(folders[k - 1])) / name).lexically_normal();
      std::error_code absent;
      if (!fs::is_regular_file(path, absent)) continue;
      if (seen.insert(path.string()).second)
        places.push_back({path.parent_path(), {&header(path.string()), from.what.is_beside && k == 0}});
      return;
    }
  };
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Place from = places[i];
    for (const auto& name : from.what.file->included) {
      if (places.size() <= kMostHeaders) look_for(name, from);
    }
  }
  std::vector<Included> out;
  for (std::size_t i = 1; i < places.size(); ++i) out.push_back(places[i].what);
  return out;
}

double CompiledText::names_in(const std::string& source, const std::vector<std::string>& folders) {
  if (kept_bytes_ > kMostKept) headers_.clear(), kept_bytes_ = 0;
  const File own = read(source);
  const auto included = included_by(source, own, folders);
  Expansion expansion;
  for (const Macro& macro : own.parts.macros) expansion.define(macro);
  for (const auto& [file, is_beside] : included) {
    for (const Macro& macro : file->parts.macros) expansion.define(macro);
  }
  const double of_what_is_read = std::max(1.0, own.size_bytes / kMostRead);
  double names = (own.names + expansion.names_behind(own.parts.code)) * of_what_is_read;
  for (const auto& [file, is_beside] : included) {
    if (is_beside && own.size_bytes <= kLargeSource) names += file->names + expansion.names_behind(file->parts.code);
  }
  return names;
}

}  // namespace extfarm
