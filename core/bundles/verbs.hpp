// The commands of `jetpack plugin` that are not the host's.
#pragma once

#include <functional>
#include <string>

#include <jetpack/plugin.hpp>

namespace jetpack::bundles {

int install_verb(const Call& call);
int update_verb(const Call& call);
int search_verb(const Call& call);
int info_verb(const Call& call);
int verify_verb(const Call& call);
int enable_verb(const Call& call);
int disable_verb(const Call& call);
int rollback_verb(const Call& call);
int remove_verb(const Call& call);
int pack_verb(const Call& call);
int sign_verb(const Call& call);
int index_verb(const Call& call);
int keygen_verb(const Call& call);
int trust_verb(const Call& call);

// The home tree of this node.
std::string home_of(const Call& call);

// A bundle or index was refused: exit code.
inline constexpr int exit_refused = 126;

// Runs `body`, and reports what it refuses as such: exit code 126. `subject` is what was judged.
int judged(const Call& call, const std::string& subject, const std::function<int()>& body);

// Prints JSON with --json, else the text.
void print_either(const Call& call, const std::string& json, const std::string& text);

std::string text_of(const Call& call, std::string_view name);

}  // namespace jetpack::bundles
