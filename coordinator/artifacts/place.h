// Where an output belongs: its folder, held open, and its name in it.  What is
// done there is done in that folder, whatever becomes of the names that led to
// it in the meantime.
#pragma once

#include <string>
#include <vector>

#include "common/base/descriptor.h"
#include "common/base/result.h"

namespace extfarm::artifacts {

class Place {
 public:
  // Makes the folders that are missing.  `roots` are resolved.  Errors: kIo;
  // kRefused when the folder really is none of the roots and lies below none.
  static Result<Place> open(const std::string& path, const std::vector<std::string>& roots);

  int folder() const { return folder_.get(); }
  const char* name() const { return name_.c_str(); }

 private:
  Place(Descriptor folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}
  Descriptor folder_;
  std::string name_;
};

// Of what could not be done: by errno, with what to do; and of what may not be.
tl::unexpected<Error> io_failure(const std::string& attempted, const std::string& path);
tl::unexpected<Error> refusal(const std::string& output, const std::string& why);

// Each root as it is without symlinks.
std::vector<std::string> resolved(const std::vector<std::string>& roots);

// The same folder, or below it.  Both resolved.
bool lies_within(const std::string& path, const std::vector<std::string>& roots);

}  // namespace extfarm::artifacts
