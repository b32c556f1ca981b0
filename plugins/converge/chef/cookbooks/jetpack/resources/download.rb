# Downloads a blob of a project:
#   jetpack_download 'tool.tgz' do
#     project 'demo'
#     dest '/tmp/tool.tgz'
#   end
resource_name :jetpack_download
provides :jetpack_download
unified_mode true if respond_to?(:unified_mode)

property :blob, String, name_property: true
property :project, String
property :dest, String

action :download do
  home = node['cyclecloud']['home']
  command = ["#{home}/bin/jetpack", 'download', new_resource.blob]
  command << new_resource.dest if new_resource.dest
  command.push('--project', new_resource.project) if new_resource.project
  execute "jetpack download #{new_resource.blob}" do
    command command
    cwd node['jetpack']['downloads'] unless new_resource.dest
  end
end
