// What a secret looks like: the rule that a candidate leads to.
#include "support/redact_rules.hpp"

#include <bit>

#include "support/redact_candidates.hpp"
#include "support/redact_detectors.hpp"

namespace jetpack::support {

namespace {

std::optional<Secret> detect(Rule rule, const WindowReader& text) {
  switch (rule) {
    case Rule::name:
      return named_secret(text);
    case Rule::user_information:
      return user_information(text);
    case Rule::data_source:
      return data_source(text);
    case Rule::web_token:
      return web_token(text);
    case Rule::scheme_token:
      return scheme_token(text);
    case Rule::prefixed:
      return prefixed(text);
    case Rule::hash:
      return hash(text);
    case Rule::azure_key:
      return azure_key(text);
    case Rule::entra_secret:
      return entra_secret(text);
    case Rule::webhook:
      return webhook(text);
    case Rule::kerberos_key:
      return kerberos_key(text);
    case Rule::private_key:
      return private_key(text);
    case Rule::block:
      return block(text);
    case Rule::option:
      return option(text);
    case Rule::piped:
      return piped(text);
    case Rule::slash_user:
      return slash_user(text);
    case Rule::pgpass:
      return pgpass(text);
    case Rule::sql_password:
      return sql_password(text);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Secret> secret_at(const Window& window) {
  const WindowReader text(window);
  const std::string_view bytes = window.text.substr(window.at);
  if (bytes.size() < candidate_bytes) return std::nullopt;
  for (uint64_t left = patterns_at(bytes.data()); left != 0; left &= left - 1) {
    const auto rule = rule_of(static_cast<size_t>(std::countr_zero(left)));
    if (auto secret = detect(rule, text)) return secret;
  }
  return std::nullopt;
}

}  // namespace jetpack::support
