#include "coordinator/freshness/search_order.h"

#include <algorithm>
#include <utility>

namespace extfarm::freshness {
namespace {

const std::vector<Earlier> kNone;

constexpr std::size_t kCrowd = 500;  // names; about as many as a search asks for

std::string key_of(const SearchFolders& searched) {
  std::string key = std::to_string(searched.beside_count);
  for (const auto& folder : searched.folders) key += '\0' + folder;
  return key;
}

// A library is found under its shared or its static name, whichever is there first.
std::string other_name(std::string_view name) {
  if (name.starts_with("lib") && name.ends_with(".so")) return std::string(name.substr(0, name.size() - 3)) + ".a";
  if (name.starts_with("lib") && name.ends_with(".a")) return std::string(name.substr(0, name.size() - 2)) + ".so";
  return {};
}

}  // namespace

void SearchOrder::restore(SearchId id, SearchFolders searched) {
  if (orders_.size() <= id) orders_.resize(id + 1);
  ids_[key_of(searched)] = id;
  orders_[id].searched = std::move(searched);
}

SearchId SearchOrder::intern(const SearchFolders& searched) {
  if (searched.folders.empty()) return 0;
  if (orders_.empty()) orders_.emplace_back();
  const auto [it, is_new] = ids_.try_emplace(key_of(searched), static_cast<SearchId>(orders_.size()));
  if (is_new) {
    orders_.emplace_back();
    orders_.back().searched = searched;
    unsaved_.push_back(it->second);
  }
  return it->second;
}

void SearchOrder::list(const std::string& folder, Listing& listing) {
  listing.stamp = filesystem_.stat(folder);
  listing.names.clear();
  if (!listing.stamp) return;
  if (auto names = filesystem_.list(folder)) {
    listing.is_crowded = names->size() > kCrowd;
    if (!listing.is_crowded) listing.names.insert(names->begin(), names->end());
  }
  if (!is_settled(*listing.stamp)) listing.stamp.reset();
}

// Of a crowded folder: whether it is there, and keeps the answer.
bool SearchOrder::ask(const std::string& folder, const std::string& name, Listing& listing) const {
  const bool is_there = filesystem_.stat(folder + "/" + name).has_value();
  (is_there ? listing.names : listing.absent).insert(name);
  return is_there;
}

// Whether an answer is another one than before.
bool SearchOrder::ask_again(const std::string& folder, Listing& listing) {
  listing.stamp = filesystem_.stat(folder);
  const auto before = std::exchange(listing.names, {});
  auto asked = std::exchange(listing.absent, {});
  asked.insert(before.begin(), before.end());
  for (const auto& name : asked) ask(folder, name, listing);
  if (listing.stamp && !is_settled(*listing.stamp)) listing.stamp.reset();
  return listing.names != before;
}

bool SearchOrder::holds(const std::string& folder, const std::string& name) {
  if (is_stale_) refresh();
  const auto [it, is_new] = listings_.try_emplace(folder);
  Listing& listing = it->second;
  if (is_new) list(folder, listing);
  if (listing.names.contains(name)) return true;
  if (!listing.is_crowded || listing.absent.contains(name)) return false;
  return ask(folder, name, listing);
}

void SearchOrder::refresh() {
  is_stale_ = false;
  bool has_changed = false;
  for (auto& [folder, listing] : listings_) {
    const auto now = filesystem_.stat(folder);
    if (now && listing.stamp == now) continue;
    if (listing.is_crowded) {
      has_changed = ask_again(folder, listing) || has_changed;
      continue;
    }
    if (!now && listing.names.empty()) continue;
    const auto before = std::exchange(listing.names, {});
    list(folder, listing);
    has_changed = has_changed || listing.is_crowded || differ_in_what_was_asked(listing.names, before);
  }
  if (has_changed) forget_found();
}

bool SearchOrder::differ_in_what_was_asked(const Names& some, const Names& others) const {
  const auto has_more = [&](const Names& these, const Names& those) {
    return std::any_of(these.begin(), these.end(),
                       [&](const std::string& name) { return !those.contains(name) && asked_.contains(name); });
  };
  return has_more(some, others) || has_more(others, some);
}

void SearchOrder::forget_found() {
  for (Order& order : orders_) {
    order.found.clear();
    order.is_alone.clear();
  }
}

bool SearchOrder::exists(const std::string& folder, std::string_view name) {
  const auto slash = name.find('/');
  const std::string first(name.substr(0, slash));
  asked_.insert(first);
  if (!holds(folder, first)) return false;
  if (slash == std::string_view::npos) return true;
  return exists(folder + "/" + first, name.substr(slash + 1));
}

std::vector<Earlier> SearchOrder::look(const SearchFolders& searched, std::string_view path) {
  std::vector<Earlier> out;
  for (std::size_t at = 0; at < searched.folders.size(); ++at) {
    const auto& folder = searched.folders[at];
    if (path.size() <= folder.size() + 1 || !path.starts_with(folder) || path[folder.size()] != '/') continue;
    const auto name = path.substr(folder.size() + 1);
    const std::string other = other_name(name);
    const std::size_t end = std::max<std::size_t>(at, searched.beside_count);
    for (std::size_t earlier = 0; earlier < end; ++earlier) {
      if (earlier == at) continue;
      const auto& place = searched.folders[earlier];
      for (const std::string_view wanted : {name, std::string_view(other)}) {
        if (!wanted.empty() && exists(place, wanted)) out.push_back({place, std::string(wanted)});
      }
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

const std::vector<Earlier>& SearchOrder::earlier_than(SearchId id, std::string_view path,
                                                      std::uint32_t path_index) {
  if (id == 0 || id >= orders_.size()) return kNone;
  if (is_stale_) refresh();
  Order& order = orders_[id];
  if (order.is_alone.size() <= path_index) order.is_alone.resize(path_index + 1);
  if (order.is_alone[path_index]) return kNone;
  if (const auto known = order.found.find(path_index); known != order.found.end()) return known->second;
  auto found = look(order.searched, path);
  if (!found.empty()) return order.found[path_index] = std::move(found);
  order.is_alone[path_index] = 1;
  return kNone;
}

void SearchOrder::forget(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return;
  const auto it = listings_.find(path.substr(0, slash));
  if (it == listings_.end()) return;
  Listing& listing = it->second;
  const auto name = path.substr(slash + 1);
  // A file that was there already changes no listing; and in a crowd only a name that was asked for counts.
  if (listing.names.contains(name) || (listing.is_crowded && !listing.absent.contains(name))) return;
  listing.stamp.reset();
  is_stale_ = true;
}

std::vector<std::pair<SearchId, SearchFolders>> SearchOrder::take_unsaved() {
  std::vector<std::pair<SearchId, SearchFolders>> out;
  for (const SearchId id : std::exchange(unsaved_, {})) out.emplace_back(id, orders_[id].searched);
  return out;
}

// Zero, as if they had changed since, where they contradict what was answered.
Digest SearchOrder::names_now(const std::string& folder, const Listing& listing) const {
  if (!listing.is_crowded) return WatchList::digest_of_names({listing.names.begin(), listing.names.end()});
  const auto names = filesystem_.list(folder).value_or(std::vector<std::string>{});
  const Names all(names.begin(), names.end());
  const auto is_listed = [&](const std::string& name) { return all.contains(name); };
  const bool agrees = std::all_of(listing.names.begin(), listing.names.end(), is_listed) &&
                      std::none_of(listing.absent.begin(), listing.absent.end(), is_listed);
  return agrees ? WatchList::digest_of_names(names) : Digest{};
}

void SearchOrder::watch(WatchList& list) const {
  for (const auto& [folder, listing] : listings_) list.add_folder(folder, listing.stamp, names_now(folder, listing));
}

}  // namespace extfarm::freshness
