// Makes a home tree that of a node: what `jetpack hub enroll` and `jetpack join` write.
#pragma once

#include <string>

namespace jetpack::support {

// How a node reaches its server, and as whom. "" is left out.
struct Enrollment {
  std::string url = {};
  std::string cluster = {};
  std::string node = {};
  std::string username = {};
  std::string password = {};
  std::string instance_id = {};
  std::string userdata_id = {};
  std::string authority = {};         // PEM, to trust beside the system's certificates
  std::string transport = {};         // "https" or "amqp"
  std::string broker_url = {};        // amqps://USER:PASSWORD@HOST:PORT/VHOST
  std::string broker_authority = {};  // PEM
};

// Creates what is missing of the home tree, and writes config/connection.json last, config/jetpack.ini,
// of which sections that are not ours stay, and the certificates. Throws Errc::usage for a text that
// these files cannot hold, and what writing files throws.
void write_enrollment(const std::string& home, const Enrollment& enrollment);

}  // namespace jetpack::support
