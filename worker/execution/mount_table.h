// Where filesystems are mounted on this host.
#pragma once

#include <string>
#include <vector>

#include "common/base/descriptor.h"

namespace extfarm {

// Of this process's mount namespace.  Read again only when the kernel says that something was mounted or unmounted.
class MountTable {
 public:
  MountTable();
  // Empty when there is no /proc.
  const std::vector<std::string>& points();

 private:
  Descriptor table_;
  bool is_read_ = false;
  std::vector<std::string> points_;
};

}  // namespace extfarm
