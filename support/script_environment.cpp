// The specs of the node's projects, and the environment of their scripts.
#include "support/script_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr const char* specs_key = "cyclecloud.cluster_init_specs";
constexpr size_t longest_part = 255;  // NAME_MAX
constexpr size_t shown_bytes = 80;

std::string required_part(const rapidjson::Value& spec, const char* name) {
  std::string text = text_or(spec, name, "");
  if (!is_path_part(text))
    throw Error(Errc::corrupt, std::string(specs_key) + ": the " + name + " of a spec is " +
                                   (text.empty() ? "missing"
                                                 : '\'' + one_line(text.substr(0, shown_bytes)) +
                                                       "', which is not a valid directory name"));
  return text;
}

// A boolean, or a text as it comes from a template.
bool is_set(const rapidjson::Value& object, const char* name) {
  const auto* value = find_value(object, name);
  return value != nullptr &&
         (value->IsTrue() || (is_string(*value) && lower_case(text_of(*value)) == "true"));
}

// Named by "spec", or by "name" where that is missing.
Spec spec_of(const rapidjson::Value& entry) {
  const char* name = find_value(entry, "spec") != nullptr ? "spec" : "name";
  Spec spec{required_part(entry, "project"), text_or(entry, "version", ""),
            required_part(entry, name)};
  for (const char* optional : {"optional", "Optional"})
    spec.optional = spec.optional || is_set(entry, optional);
  if (const auto* list = find_value(entry, "run_list")) spec.run_list = run_list_in(*list);
  return spec;
}

std::string variable_or(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return std::string(name) + '=' + (value != nullptr && *value != '\0' ? value : fallback);
}

}  // namespace

bool is_path_part(const std::string& name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  return !name.empty() && name.size() <= longest_part && name != "." && name != ".." &&
         name.find('/') == std::string::npos && is_utf8(name) &&
         std::none_of(name.begin(), name.end(), is_control);
}

std::vector<std::string> run_list_in(const rapidjson::Value& list) {
  std::vector<std::string> items;
  if (list.IsArray()) {
    for (const auto& item : list.GetArray())
      if (is_string(item)) items.emplace_back(text_of(item));
    return items;
  }
  std::string_view rest = is_string(list) ? text_of(list) : std::string_view();
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
    if (!trimmed(item).empty()) items.emplace_back(trimmed(item));
  }
  return items;
}

std::vector<Spec> specs_in(const std::string& json) {
  const auto document = parse_json(json, specs_key);
  std::vector<Spec> specs;
  if (document.IsNull()) return specs;
  if (!document.IsArray()) throw Error(Errc::corrupt, std::string(specs_key) + " is not a list");
  for (const auto& entry : document.GetArray()) {
    if (!entry.IsObject())
      throw Error(Errc::corrupt, std::string(specs_key) + ": a spec is not an object");
    if (text_or(entry, "project", "") != "cyclecloud") specs.push_back(spec_of(entry));
  }
  return specs;
}

std::vector<Spec> node_specs(const Config& config) {
  // Scalars and lists come as {"KEY": value}, so the list is read from its parent.
  const auto parent = config.get("cyclecloud", Format::json);
  if (!parent) return {};
  const auto document = parse_json(*parent, "cyclecloud");
  const auto* list = find_value(document, "cluster_init_specs");
  return list == nullptr ? std::vector<Spec>() : specs_in(to_json(*list));
}

std::string cluster_init_directory(const Config& config) {
  constexpr const char* key = "cyclecloud.jetpack.cluster_init_dir";
  std::string directory = text_setting(key, config.get(key));
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  if (!directory.starts_with('/'))
    throw Error(Errc::corrupt, std::string(key) + " is '" +
                                   one_line(directory.substr(0, shown_bytes)) +
                                   "'; expected an absolute path");
  return directory;
}

std::vector<std::string> home_environment(const std::string& home) {
  const std::string bootstrap = home + "/system/bootstrap";
  return {"CYCLECLOUD_HOME=" + home,
          "JETPACK_HOME=" + home,
          "BOOTSTRAP_HOME=" + bootstrap,
          "CYCLECLOUD_BOOTSTRAP=" + bootstrap,
          "PATH=" + home + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          variable_or("HOME", "/root"),
          variable_or("SHELL", "/bin/bash")};
}

std::vector<std::string> script_environment(const std::string& home, const std::string& directory,
                                            const Spec& spec) {
  auto environment = home_environment(home);
  for (const auto& [name, value] : {std::pair{"PROJECT_NAME", spec.project},
                                    {"PROJECT_VERSION", spec.version},
                                    {"PROJECT_PATH", project_path(directory, spec)},
                                    {"SPEC_NAME", spec.name},
                                    {"SPEC_PATH", spec_path(directory, spec)}})
    environment.push_back("CYCLECLOUD_" + std::string(name) + '=' + value);
  return environment;
}

std::string script_python(const std::string& home) {
  std::string embedded = home + "/system/embedded/bin/python3";
  return ::access(embedded.c_str(), X_OK) == 0 ? embedded : "python3";
}

}  // namespace jetpack::support
