SHARE = 'share'
