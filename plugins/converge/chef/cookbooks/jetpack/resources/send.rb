# Sends a message, or the content of a file, over AMQP:
#   jetpack_send 'registration' do
#     file '/opt/cycle/jetpack/config/service.d/gridengine.json'
#     routing_key 'services.gridengine'
#   end
resource_name :jetpack_send
provides :jetpack_send
unified_mode true if respond_to?(:unified_mode)

property :description, String, name_property: true
property :file, String
property :message, String
property :routing_key, String, required: true

action :send do
  command = ["#{node['cyclecloud']['home']}/bin/jetpack", 'send', '--routing-key',
             new_resource.routing_key]
  if new_resource.file
    command.push('--file', new_resource.file)
  else
    command << (new_resource.message || new_resource.description)
  end
  execute "jetpack send #{new_resource.description}" do
    command command
  end
end
