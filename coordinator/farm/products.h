// Which action of this build makes which file, and what bytes it published
// there.  Kept small: there may be a hundred thousand.
#pragma once

#include <deque>
#include <optional>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/string_table.h"
#include "common/base/strong_id.h"

namespace extfarm {

class Products {
 public:
  // The last of those that declare the file; nullopt: none does.
  std::optional<ActionId> producer_of(std::string_view path) const {
    const auto at = paths_.find(path);
    return at && products_[*at].producer != ActionId{} ? std::optional(products_[*at].producer) : std::nullopt;
  }
  // As published by this build, or up to date in it.
  std::optional<Digest> published(std::string_view path) const {
    const auto at = paths_.find(path);
    return at && !products_[*at].digest.is_zero() ? std::optional(products_[*at].digest) : std::nullopt;
  }
  void declare(std::string_view path, ActionId producer) { at(path).producer = producer; }
  void publish(std::string_view path, const Digest& digest) { at(path).digest = digest; }

 private:
  struct Product {
    ActionId producer;  // 0: nobody has declared it
    Digest digest;      // zeros: not published
  };
  Product& at(std::string_view path) {
    const auto [at, is_new] = paths_.add(path);
    return is_new ? products_.emplace_back() : products_[at];
  }

  StringTable paths_;
  std::deque<Product> products_;
};

}  // namespace extfarm
