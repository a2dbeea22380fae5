#include "coordinator/shell/new_file.h"

#include <filesystem>
#include <fstream>

namespace extfarm {

Result<void> write_new_file(const std::string& path, const std::function<Result<void>(std::ostream&)>& write) {
  const std::string temporary = path + ".new";
  std::ofstream file(temporary, std::ios::binary);
  const auto told = write(file);
  file.close();
  std::error_code failed;
  if (told && file) std::filesystem::rename(temporary, path, failed);
  if (told && file && !failed) return {};
  std::filesystem::remove(temporary, failed);
  if (!told) return told;
  return failure(ErrorCode::kIo, "cannot write " + path + "; is there room on its disk?");
}

}  // namespace extfarm
