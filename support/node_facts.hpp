// What a node knows of itself, without its server: config/facts.json, the base of its configuration.
#pragma once

#include <string>

#include <rapidjson/document.h>

#include "support/connection_files.hpp"

namespace jetpack::support {

// Of the agent that runs here.
struct Installation {
  std::string home;
  std::string executable;
  std::string version;  // "8.10.0-100100"
};

// What the facts are made of. The documents are objects; null where nothing is known.
struct FactSources {
  Installation installation;
  ConnectionFiles connection;
  rapidjson::Document machine;   // the keys of Ohai: see facts/facts.hpp
  std::string machine_uuid;      // the firmware's, which a copy of the disk does not have; or ""
  rapidjson::Document metadata;  // the answer of the cloud's metadata service
  rapidjson::Document previous;  // the last facts.json
};

// Whether the last facts are of another instance than this: the disk was copied, as in an image.
bool is_other_instance(const FactSources& sources);

// The content of config/facts.json. Metadata of the same instance is kept while there is none.
rapidjson::Document node_facts(const FactSources& sources);

// The properties that follow from facts: azure.*, cyclecloud.*, os.* and vm.*.
rapidjson::Document properties_of_facts(const rapidjson::Value& facts);

}  // namespace jetpack::support
