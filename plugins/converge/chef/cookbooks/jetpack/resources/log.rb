# Sends a message to the cluster:
#   jetpack_log 'the scheduler is up' do
#     level 'info'
#     priority 'medium'
#   end
resource_name :jetpack_log
provides :jetpack_log
unified_mode true if respond_to?(:unified_mode)

property :message, String, name_property: true
property :level, String, default: 'info'
property :priority, String

action :log do
  command = ["#{node['cyclecloud']['home']}/bin/jetpack", 'log', new_resource.message,
             '--level', new_resource.level]
  command.push('--priority', new_resource.priority) if new_resource.priority
  execute "jetpack log #{new_resource.message}" do
    command command
  end
end
