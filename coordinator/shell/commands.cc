#include "coordinator/shell/commands.h"

#include <cstdlib>
#include <sstream>

namespace extfarm {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

void split_words(const std::string& text, std::vector<std::string>& out) {
  std::istringstream words(text);
  for (std::string word; words >> word;) out.push_back(word);
}

SharedOptions::SharedOptions() : workers(variable("EXTFARM_WORKERS")) {
  const std::string rendezvous = variable("EXTFARM_RENDEZVOUS");
  run.key_folder = home_folder() + "/.extfarm";
  run.rendezvous = rendezvous.empty() ? run.key_folder + "/workers" : rendezvous;
  run.store_folder = variable("EXTFARM_STORE");
}

}  // namespace extfarm
