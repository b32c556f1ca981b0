name 'jetpack'
description 'Resources that call the jetpack command'
license 'MIT'
version '1.0.0'
