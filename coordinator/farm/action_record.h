// An action as text in the records, so that it can be judged and explained
// when nobody submits it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/model/action.h"

namespace extfarm {

std::string text_of(const Action&);
// nullopt when the text is none of text_of's.
std::optional<Action> action_from(std::string_view text);

std::string text_of(const std::vector<ToolchainComponent>&);
std::vector<ToolchainComponent> components_from(std::string_view text);  // empty when unreadable

}  // namespace extfarm
