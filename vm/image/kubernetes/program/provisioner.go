package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// folders makes a folder of the data disk for every claim. Their sizes are not limited.
type folders struct{ root string }

func (f folders) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	path := filepath.Join(f.root, options.PVName+"_"+claim.Namespace+"_"+claim.Name)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Chmod(path, 0o777); err != nil { // containers run as any user
		return nil, controller.ProvisioningFinished, err
	}
	kind := v1.HostPathDirectoryOrCreate
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				HostPath: &v1.HostPathVolumeSource{Path: path, Type: &kind},
			},
		},
	}, controller.ProvisioningFinished, nil
}

func (f folders) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	source := volume.Spec.HostPath
	if source == nil || filepath.Dir(source.Path) != f.root {
		return fmt.Errorf("the volume %s is not of this provisioner", volume.Name)
	}
	return os.RemoveAll(source.Path)
}

// provisioner KUBECONFIG ROOT provides volumes for the default storage class.
func provisioner() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "provisioner KUBECONFIG ROOT")
		os.Exit(2)
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		klog.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	ctx := context.Background()
	made := folders{root: os.Args[2]}
	controller.NewProvisionController(ctx, client, "slipway.dev/folder", made, controller.LeaderElection(false)).Run(ctx)
}
