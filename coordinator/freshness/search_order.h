// Which files a command would have read in place of those it did read, had
// they been there: a new header in a folder that is searched earlier.  Knows
// folders and names; which options made the order is common/compiler's to know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/system/filesystem.h"
#include "coordinator/freshness/watch_list.h"

namespace extfarm::freshness {

using SearchId = std::uint32_t;  // 0: nothing is searched

// Folders in the order in which names are looked up.  The first
// `beside_count` are those of the including files: which of them comes first
// depends on who includes, so each counts as earlier than all others.
struct SearchFolders {
  std::vector<std::string> folders;
  std::uint32_t beside_count = 0;
  bool operator==(const SearchFolders&) const = default;
};

struct Earlier {  // an existing file that a search for `name` meets in `folder`
  std::string folder, name;
  std::string path() const { return folder + "/" + name; }
  auto operator<=>(const Earlier&) const = default;
};

class SearchOrder {
 public:
  explicit SearchOrder(const Filesystem& filesystem) : filesystem_(filesystem) {}

  void restore(SearchId, SearchFolders);
  SearchId intern(const SearchFolders&);
  // Existing files that a search for `path` by any of its names meets before it.
  // `path_index` names the path in this build.
  const std::vector<Earlier>& earlier_than(SearchId, std::string_view path, std::uint32_t path_index);
  const SearchFolders& searched(SearchId id) const { return orders_[id].searched; }
  bool knows(SearchId id) const { return id < orders_.size(); }
  // `name` may have folders in it.
  bool exists(const std::string& folder, std::string_view name);
  // From now on folders are listed again where they changed: others may have written.
  void look_again() { is_stale_ = true; }
  // This file was written.
  void forget(const std::string& path);
  std::vector<std::pair<SearchId, SearchFolders>> take_unsaved();
  // Every folder that was looked into.
  void watch(WatchList&) const;

 private:
  struct Order {
    SearchFolders searched;
    std::unordered_map<std::uint32_t, std::vector<Earlier>> found;  // path index → earlier files, none left out
    std::vector<std::uint8_t> is_alone;                                // by path index: nothing comes earlier
  };
  using Names = std::unordered_set<std::string>;
  struct Listing {
    std::optional<FileStamp> stamp;  // nullopt: no such folder, or to be listed again
    Names names;
    // Of a folder with so many names that to list it again whenever one is added costs more than to ask for each:
    // `names` and `absent` are only what was asked for there.
    bool is_crowded = false;
    Names absent;
  };
  void refresh();
  void list(const std::string& folder, Listing&);
  bool ask_again(const std::string& folder, Listing&);
  void forget_found();
  bool ask(const std::string& folder, const std::string& name, Listing&) const;
  bool holds(const std::string& folder, const std::string& name);
  Digest names_now(const std::string& folder, const Listing&) const;
  bool differ_in_what_was_asked(const Names&, const Names&) const;
  std::vector<Earlier> look(const SearchFolders&, std::string_view path);

  const Filesystem& filesystem_;
  std::vector<Order> orders_;
  std::unordered_map<std::string, SearchId> ids_;
  std::unordered_map<std::string, Listing> listings_;
  Names asked_;  // of all folders: on other names no answer rests
  bool is_stale_ = false;
  std::vector<SearchId> unsaved_;
};

}  // namespace extfarm::freshness
