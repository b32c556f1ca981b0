// A container of the Blob service as a locker.
#include <jetpack/error.hpp>
#include "services/storage/download.hpp"
#include "services/storage/many.hpp"
#include "services/storage/names.hpp"
#include "services/storage/store.hpp"
#include "services/storage/wanted.hpp"
#include "support/times.hpp"

namespace jetpack::storage {

namespace {

using std::chrono::seconds;

// How often a download starts again because the blob was replaced meanwhile.
constexpr int most_changes = 5;
// Azure issues keys for seven days by its own clock; ours may be ahead.
constexpr seconds longest_delegation = std::chrono::hours(24 * 7);
constexpr seconds delegation_margin = std::chrono::minutes(5);
// A signature begins a little in the past, because clocks differ.
constexpr seconds start_margin = std::chrono::minutes(15);
// Azure returns a page without blobs where many were deleted, or at the border of two partitions.
constexpr int most_empty_pages = 100;
// The times of a SAS have four digits for the year.
constexpr seconds longest_validity = std::chrono::hours(24 * 366 * 100);

bool has_changed(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const BlobChanged&) {
    return true;
  } catch (...) {
    return false;
  }
}

class AzureStore : public Store {
 public:
  AzureStore(LockerSource& source, Settings settings, Azure::Network network,
             ServerSign server_sign)
      : azure_(source, std::move(settings), std::move(network)),
        server_sign_(std::move(server_sign)) {}

  std::string address() override { return azure_.address(); }
  void list(std::string_view prefix, const std::function<bool(const BlobInfo&)>& take) override;
  std::optional<BlobInfo> properties(std::string_view blob) override;
  Downloaded download(std::string_view blob, const std::string& to, bool fresh,
                      const Watch& watch) override;
  void download_all(std::vector<Wanted>& wanted, OnFailure policy, const Watch& watch) override;
  uint64_t upload(std::string_view blob, const std::string& content_type, const Content& content,
                  const Watch& watch) override;
  void remove(std::string_view blob) override;
  SignedAddress sign(const SignRequest& wish) override;

 private:
  // Calls it and puts in front of its failures what was being done.
  template <class Step>
  auto in_context(const std::string& what, Step&& step) {
    try {
      return step();
    } catch (const Error& e) {
      throw Error(e.code(), "cannot " + what + " the locker " + address() + ": " + e.what());
    }
  }

  // The same, and a blob that has changed is a failure like the others.
  template <class Step>
  auto as_step(const std::string& what, Step&& step) {
    return in_context(what, [&] {
      try {
        return step();
      } catch (const BlobChanged&) {
        throw Error(Errc::unavailable, "it keeps changing; try again later");
      }
    });
  }

  BlobInfo found(std::string_view blob);
  BlobInfo found_again(std::string_view blob, PartialFile& file);
  Downloaded fetch_into(const BlobInfo& blob, PartialFile& file, bool fresh, const Watch& watch);
  Downloaded fetch_newest(BlobInfo blob, PartialFile& file, bool fresh, const Watch& watch);

  Azure azure_;
  ServerSign server_sign_;
  BlobInfo stored_;  // the last report that was stored
};

void AzureStore::list(std::string_view prefix, const std::function<bool(const BlobInfo&)>& take) {
  azure_.begin();
  std::string marker;
  int empty_pages = 0;
  do {
    const BlobPage page = as_step("list", [&] {
      if (empty_pages > most_empty_pages)
        throw Error(Errc::corrupt, "it returns empty pages of the listing repeatedly");
      return azure_.retried([&] { return azure_.page(prefix, marker); });
    });
    for (const BlobInfo& blob : page.blobs)
      if (!take(blob)) return;
    empty_pages = page.blobs.empty() ? empty_pages + 1 : 0;
    marker = page.next;
  } while (!marker.empty());
}

std::optional<BlobInfo> AzureStore::properties(std::string_view blob) {
  azure_.begin();
  return as_step("look up " + quoted(blob) + " in", [&]() -> std::optional<BlobInfo> {
    const auto locker = azure_.access();
    if (!locker->is_report(blob) || locker->reports->is_readable)
      return azure_.retried([&] { return azure_.properties(blob); });
    if (stored_.name != blob)
      throw Error(Errc::denied, "this node may store reports in it, but not read them");
    return stored_;
  });
}

BlobInfo AzureStore::found(std::string_view blob) {
  auto info = azure_.retried([&] { return azure_.properties(blob); });
  if (!info) throw Error(Errc::not_found, "blob not found");
  if (info->is_directory)
    throw Error(Errc::failed, "it is a directory; 'jetpack download --recursive' downloads it");
  return *info;
}

// For a blob that has changed: when there is none any more, nothing is kept of it.
BlobInfo AzureStore::found_again(std::string_view blob, PartialFile& file) {
  try {
    return found(blob);
  } catch (const Error&) {
    file.discard();
    throw;
  }
}

Downloaded AzureStore::fetch_into(const BlobInfo& blob, PartialFile& file, bool fresh,
                                  const Watch& watch) {
  const std::string name = azure_.address() + '/' + blob.name;
  Ranges there = file.resume({name, blob.etag, blob.bytes}, fresh);
  const uint64_t resumed = there.bytes();
  try {
    fetch(azure_, blob, file, std::move(there), watch);
  } catch (const Damaged&) {
    // What was there from before may be what is damaged.
    if (resumed > 0) return fetch_into(blob, file, true, watch);
    file.discard();
    throw;
  }
  file.finish();
  return {blob.bytes, resumed, !blob.md5.empty()};
}

// Begins again when the blob is replaced meanwhile.
Downloaded AzureStore::fetch_newest(BlobInfo blob, PartialFile& file, bool fresh,
                                    const Watch& watch) {
  for (int change = 0;; ++change) {
    try {
      return fetch_into(blob, file, fresh, watch);
    } catch (const BlobChanged&) {
      if (change == most_changes) {
        file.discard();
        throw;
      }
    }
    fresh = true;
    azure_.begin();
    blob = found_again(blob.name, file);
  }
}

Downloaded AzureStore::download(std::string_view blob, const std::string& to, bool fresh,
                                const Watch& watch) {
  return as_step("download " + quoted(blob) + " from", [&]() -> Downloaded {
    azure_.begin();
    // First, so that a name that does not exist leaves nothing beside the destination.
    const BlobInfo info = found(blob);
    PartialFile file(to, [&] {
      if (watch) watch(0, 0);
    });
    return fetch_newest(info, file, fresh, watch);
  });
}

void AzureStore::download_all(std::vector<Wanted>& wanted, OnFailure policy, const Watch& watch) {
  std::vector<Wanted*> small;
  std::vector<Wanted*> rest;
  for (Wanted& one : wanted) (one.blob->bytes <= most_small ? small : rest).push_back(&one);
  Overall overall(wanted, watch);
  if (!fetch_many(azure_, small, policy, overall.part())) return;
  for (Wanted* one : small) {
    if (one->failure && has_changed(one->failure)) {
      one->failure = nullptr;
      rest.push_back(one);
    } else {
      overall.ended(one->blob->bytes);
    }
  }
  one_by_one(rest, policy, overall, [&](Wanted& one, const Watch& part) {
    const std::string what = "download " + quoted(one.blob->name) + " from";
    const auto transfer = [&](auto fetch_with) {
      azure_.begin();
      PartialFile file = open_partial(one, [&] { part(0, 0); });
      return (this->*fetch_with)(*one.blob, file, one.fresh, part);
    };
    return policy == OnFailure::stop
               ? in_context(what, [&] { return transfer(&AzureStore::fetch_into); })
               : as_step(what, [&] { return transfer(&AzureStore::fetch_newest); });
  });
}

uint64_t AzureStore::upload(std::string_view blob, const std::string& content_type,
                            const Content& content, const Watch& watch) {
  return as_step("store " + quoted(blob) + " in", [&] {
    const uint64_t bytes = store(azure_, blob, content_type, content, watch);
    const auto locker = azure_.access();
    if (locker->is_report(blob)) {
      stored_.name = blob;
      stored_.bytes = bytes;
      stored_.modified = support::iso_8601_seconds(std::chrono::system_clock::now());
      stored_.url = locker->blob_url(blob);
    }
    return bytes;
  });
}

void AzureStore::remove(std::string_view blob) {
  azure_.begin();
  as_step("remove " + quoted(blob) + " from", [&] {
    if (!azure_.retried([&] { return azure_.remove(blob); }))
      throw Error(Errc::not_found, "blob not found");
  });
}

SignedAddress AzureStore::sign(const SignRequest& wish) {
  azure_.begin();
  return as_step("sign a URL for " + quoted(wish.blob) + " in", [&]() -> SignedAddress {
    const auto locker = azure_.access();
    if (locker->is_report(wish.blob) && locker->reports->server_signs) return server_sign_(wish);
    const auto kind = locker->credential_of(wish.blob).kind;
    if (kind != Credential::Kind::key && kind != Credential::Kind::identity)
      throw Error(Errc::unsupported, "this node's access to it (described in " + locker->source +
                                         ") cannot sign; that needs an account_key or an identity");
    if (!locker->base.starts_with("https://"))
      throw Error(Errc::unsupported, "it is not reached by https, which a signed URL is for");
    const support::SystemTime now =
        std::chrono::time_point_cast<seconds>(std::chrono::system_clock::now());
    SignedAddress address;
    const bool is_lent = kind == Credential::Kind::identity;
    const seconds allowed = is_lent ? longest_delegation : longest_validity;
    // The margin is not worth a word: the end is exact to the second.
    address.shortened = wish.validity > allowed;
    address.expires =
        now + std::min(wish.validity, allowed - (is_lent ? delegation_margin : seconds{0}));
    const std::string blob = locker->prefix + std::string(wish.blob);
    const SasTerms terms{locker->account,    locker->container, blob,
                         now - start_margin, address.expires,   wish.content_disposition,
                         wish.content_type};
    const std::string query = kind == Credential::Kind::key
                                  ? service_sas(terms, locker->credential.secret)
                                  : delegation_sas(terms, azure_.retried([&] {
                                      return azure_.delegation_key(terms.starts, terms.expires);
                                    }));
    address.url = locker->blob_url(wish.blob) + '?' + query;
    return address;
  });
}

}  // namespace

std::unique_ptr<Store> open_azure_store(LockerSource& source, Settings settings,
                                        Azure::Network network, ServerSign server_sign) {
  return std::make_unique<AzureStore>(source, std::move(settings), std::move(network),
                                      std::move(server_sign));
}

}  // namespace jetpack::storage
