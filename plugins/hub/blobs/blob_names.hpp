// Names of blobs, containers and blocks, and the file names that they are stored under.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jetpack::hub {

// What the name of a blob's file ends with, and that of a directory never does.
inline constexpr std::string_view blob_suffix = "%blob";

// The file names of the segments of a blob's name. Throws a BlobError for an invalid name.
std::vector<std::string> segments_of(const std::string& blob);
// The segment that a file name stands for.
std::string unescaped(std::string_view segment);

bool is_container_name(const std::string& name);

// The container with the software of a cluster's nodes. No two clusters share one.
std::string locker_container(std::string_view cluster);
// The container of all reports: issues/CLUSTER/NODE/NAME.
inline constexpr const char* reports_container = "reports";
// What the names of reports begin with, in the locker and in their container.
inline constexpr std::string_view reports_directory = "issues/";

// The file name of a block, from its id, which is base64 of any bytes. Throws a BlobError.
std::string block_file(const std::string& id);

}  // namespace jetpack::hub
