// The actions that the records of a folder know, by the names that a user has
// for them; and how the commands that speak of them print.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/model/action.h"
#include "coordinator/records/records.h"

namespace extfarm {

struct KnownAction {
  records::Identity identity;
  Action action;
};

// For reading.  nullopt: there are none; it has been said, and what to do.
std::optional<std::unique_ptr<records::Records>> open_records(const std::string& project_root);

// Those with an output, a source or an extension of that name; by kind, then output.
std::vector<KnownAction> known_actions(const records::Records&, const std::string& project_root, const std::string& target);
std::vector<KnownAction> all_known_actions(const records::Records&);

// Says that nothing is known of it, and names a few that are.
void say_unknown(const records::Records&, const std::string& project_root, const std::string& target);

std::string main_output(const Action&);
// Relative to the project's root where it lies below.
std::string shown_path(const std::string& path, const std::string& project_root);

// Its output, kind and group.
nlohmann::ordered_json json_of(const KnownAction&, const std::string& project_root);
// On standard output, a line for each value.
void print_json(const nlohmann::ordered_json&);

}  // namespace extfarm
