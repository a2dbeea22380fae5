#include "coordinator/shell/known_actions.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "common/model/byte_strings.h"
#include "coordinator/farm/action_intake.h"
#include "coordinator/farm/action_record.h"

namespace extfarm {
namespace {

constexpr std::size_t kExamples = 3;

template <typename Identities>
std::vector<KnownAction> read_actions(const records::Records& records, const Identities& identities) {
  std::vector<KnownAction> out;
  for (const auto& identity : identities) {
    const auto text = records.command(identity);
    if (auto action = text ? action_from(*text) : std::nullopt) out.push_back({identity, std::move(*action)});
  }
  return out;
}

}  // namespace

std::optional<std::unique_ptr<records::Records>> open_records(const std::string& project_root) {
  auto opened = records::Records::open(project_root + "/.extfarm/state.sqlite", records::Database::Access::kReadOnly);
  if (opened) return std::move(*opened);
  std::fprintf(stderr, "extfarm: %s; build here first: extfarm run -- …\n", opened.error().message.c_str());
  return std::nullopt;
}

std::vector<KnownAction> known_actions(const records::Records& records, const std::string& project_root,
                                       const std::string& target) {
  std::set<records::Identity> identities;
  for (const auto& name : {target, absolute_path(target, project_root)}) {
    for (const auto& identity : records.identities_named(name)) identities.insert(identity);
  }
  auto out = read_actions(records, identities);
  std::sort(out.begin(), out.end(), [](const KnownAction& a, const KnownAction& b) {
    return std::pair(a.action.kind, main_output(a.action)) < std::pair(b.action.kind, main_output(b.action));
  });
  return out;
}

std::vector<KnownAction> all_known_actions(const records::Records& records) {
  return read_actions(records, records.identities());
}

void say_unknown(const records::Records& records, const std::string& project_root, const std::string& target) {
  std::string examples;
  std::size_t count = 0;
  for (const auto& identity : records.identities()) {
    const auto text = records.command(identity);
    const auto action = text ? action_from(*text) : std::nullopt;
    if (!action || action->outputs.empty()) continue;
    if (++count > kExamples) break;
    examples += (examples.empty() ? "" : ", ") + shown_path(action->outputs.front(), project_root);
  }
  std::fprintf(stderr,
               "extfarm: nothing is known of %s; name an output, a source or an extension of a build in this folder"
               "%s%s\n",
               target.c_str(), examples.empty() ? "" : ", such as ", examples.c_str());
}

std::string main_output(const Action& action) {
  return action.outputs.empty() ? action.argv.back() : action.outputs.front();
}

std::string shown_path(const std::string& path, const std::string& project_root) {
  return path.starts_with(project_root + "/") ? path.substr(project_root.size() + 1) : path;
}

nlohmann::ordered_json json_of(const KnownAction& known, const std::string& project_root) {
  using nlohmann::ordered_json;
  return {{"output", ordered_json(bytes_to(shown_path(main_output(known.action), project_root)))},
          {"kind", name_of(known.action.kind)},
          {"group", ordered_json(bytes_to(known.action.group))}};
}

void print_json(const nlohmann::ordered_json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
 }

}  // namespace extfarm
